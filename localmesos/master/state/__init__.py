"""The state of the master: agents, frameworks, tasks, and the registry on disk."""
