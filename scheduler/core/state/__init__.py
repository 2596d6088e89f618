"""The records of the cluster, their JSON, and the tables of kinds, reasons and task states."""
