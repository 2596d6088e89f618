"""Maintenance operations: requests, steps, jobs, progress and history."""
