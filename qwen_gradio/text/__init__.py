"""Messages, Chatbot values and growing replies. Pure."""
