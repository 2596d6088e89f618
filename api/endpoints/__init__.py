"""The paths of the API, one blueprint for each topic."""
