"""Decisions about billing that need no database and no network; time is passed in."""
