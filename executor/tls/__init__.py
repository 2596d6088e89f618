"""The certificate of a node: key, signing request, files, renewal, and proof by a handshake."""
