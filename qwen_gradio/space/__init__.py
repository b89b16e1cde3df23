"""What a Space is: its name, its parameters, and how it is asked. Pure."""
