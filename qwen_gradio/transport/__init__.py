"""Requests to one Space: the only folder that imports gradio_client and httpx."""
