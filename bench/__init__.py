"""Measurements, run by `./dev bench`; results with the machine's facts go to docs/performance.md."""
