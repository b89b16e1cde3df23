"""The servers that the tests ask."""
