"""The command `qwen-gradio`. It uses only the public names of the package and the catalogue of Spaces."""
