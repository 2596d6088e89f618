"""Drop-in for the part of the http-parser distribution that pymesos uses."""
