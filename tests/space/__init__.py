"""Tests of `qwen_gradio.space`."""
