"""Texts whose indents Gradio's own Chatbot removes and restores while they grow."""

CODE = "def f():\n    return 1\n\nprint(1)"
LIST = "1. a\n   - b\n2. c"


def without_indents(text: str) -> str:
    """Remove each line's indent, to compare two texts that differ in nothing else."""
    return "\n".join(line.lstrip() for line in text.split("\n"))
