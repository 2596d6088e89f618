"""The format of a backup in the bucket: names, manifests, JSON documents."""
