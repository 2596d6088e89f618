"""S3: client, object store, errors, throttled bodies, worker threads."""
