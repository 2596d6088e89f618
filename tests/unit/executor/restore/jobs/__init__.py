"""The jobs of a restore."""
