"""Tests of `qwen_gradio.text`."""
