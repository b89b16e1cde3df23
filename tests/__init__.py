"""The tests: one file a room, and one for each thing that must hold from end to end."""
