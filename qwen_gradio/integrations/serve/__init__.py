"""The OpenAI-compatible server of `qwen-gradio serve`; it needs the extra `serve`."""
