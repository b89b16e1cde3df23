"""One step on one Space, over the network: the only folder that knows gradio_client and httpx."""
