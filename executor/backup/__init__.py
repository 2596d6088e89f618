"""Backups in S3: where they are, what they hold, and how they get there and are read again."""
