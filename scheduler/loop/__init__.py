"""The loop: messages in, cycles, calls out; the gateway and snapshots for the API."""
