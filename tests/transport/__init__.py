"""The transport: with all that helps gradio_client along, without any of it, and without each."""
