"""Launches and pending actions of nodes: deploy, recovery, restart, replacement, roll-out, decommission."""
