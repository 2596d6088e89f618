"""JMX through Jolokia: status, replication, our own MBeans."""
