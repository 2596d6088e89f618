"""CQL: sessions with one node, names, statements and row counts."""
