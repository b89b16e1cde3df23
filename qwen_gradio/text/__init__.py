"""What is said: prompts, replies, and how a Chatbot shows them. Pure."""
