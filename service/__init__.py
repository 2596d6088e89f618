"""The service: startup, HTTP server, uninstall and logs; wires scheduler and API."""
