"""The command `qwen-gradio`. It uses the public names of the package, and the catalogue of Spaces."""
