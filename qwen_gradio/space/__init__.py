"""A Space: its name, its page, its parameters, its chat endpoint. Pure."""
