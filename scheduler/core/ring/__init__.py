"""The ring as its members report it: readiness, availability, seeds, racks, missing members."""
