"""Chat Spaces as people write them, and the proof that each is asked right on every Gradio."""
