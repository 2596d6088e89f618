"""The Mesos-compatible agent: tasks, updates, recovery."""
