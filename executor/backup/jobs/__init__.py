"""The jobs of a backup, one module each, and the questions about backups."""
