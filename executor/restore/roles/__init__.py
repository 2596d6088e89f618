"""Restore roles and permissions as statements."""
