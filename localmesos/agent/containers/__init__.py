"""Executors as processes: their containers, volumes and checkpoints."""
