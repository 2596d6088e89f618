"""One cycle: its workspace, its decision, the clock, reconciliation, declines."""
