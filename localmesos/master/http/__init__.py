"""The HTTP endpoints of the master."""
