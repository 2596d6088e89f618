"""Secrets: sealing of stored credentials, tokens."""
