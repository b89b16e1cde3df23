"""Tests of `qwen_gradio.cli`."""
