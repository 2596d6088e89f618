"""Shared by all endpoints: access to the scheduler, tokens, arguments, errors."""
