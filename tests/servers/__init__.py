"""The servers of the tests."""
