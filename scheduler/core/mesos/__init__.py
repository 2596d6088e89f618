"""The terms of Mesos: resources, offers, offer operations, TaskInfo, updates, placement."""
