"""Signatures of backups, and the sealing of their documents and files, with keys that the bucket never sees."""
