"""Bringing a backup back: what is to be created, fetched and loaded, and how."""
