"""The Mesos driver: registration, calls and events over pymesos."""
