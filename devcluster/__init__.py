"""The commands of `./dev`: a local cluster of real processes, checks and tests."""
