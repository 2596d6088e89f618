"""The HTTP server: one event loop for all connections, and threads only for complete requests."""
