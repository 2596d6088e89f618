"""The paths of the API, one blueprint a topic."""
