"""Backups in S3: their location, their content, their upload and their verification."""
