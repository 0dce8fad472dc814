"""What may be done with sellers and their money."""
