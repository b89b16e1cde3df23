"""The command `qwen-gradio`. It uses the package's public names, and the catalogue of Spaces."""
