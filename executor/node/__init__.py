"""The life of one node: states, status reports, jobs and questions."""
