"""What all endpoints share: access to the scheduler, tokens, arguments, errors."""
