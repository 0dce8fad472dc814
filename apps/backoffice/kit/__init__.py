"""What the screens of all apps are made of: lists, pages, dialogs; see each module."""
