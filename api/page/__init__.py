"""The page for people at `/ui/`: drawn on the server from what the REST API says, with commands that go through it."""
