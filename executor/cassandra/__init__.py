"""One Cassandra process: its installation, configuration, JVM, volume, start and end."""
