"""What `./dev` runs: a local cluster of real processes, checks and tests."""
