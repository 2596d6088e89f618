"""The backup that a restore reads: its manifests, and the files that this node loads."""
