"""Plans: phases and steps as operators see them, computed from the state."""
