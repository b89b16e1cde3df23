"""Tests of `qwen_gradio.reply`."""
