"""The events that a cycle records for operators."""
