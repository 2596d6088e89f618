"""The Mesos-compatible master: offers, accepts, frameworks, agents."""
