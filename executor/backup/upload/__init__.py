"""Upload the SSTables of a snapshot: hash, compress, send, report."""
