"""The JSON documents that the API answers with."""
