"""The connection to the Mesos agent."""
