"""The service: start-up, HTTP server, uninstall and logs; connects scheduler and API."""
