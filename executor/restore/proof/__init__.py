"""Prove that the restored rows are those of the backup."""
