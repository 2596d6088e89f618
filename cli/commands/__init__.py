"""The commands, one module for each group; each is imported only when it runs."""
