"""The jobs of a restore, one module each, and the question `restore-plan`."""
