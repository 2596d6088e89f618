"""Commands of operators: their effects on the state, or the reason to refuse them."""
