"""Fetch and unpack the URIs of a task."""
