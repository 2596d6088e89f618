"""The schema of a backup and of the cluster: what is created, kept, or in the way."""
