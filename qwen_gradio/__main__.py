"""`python -m qwen_gradio`: the same as the command `qwen-gradio`."""

from .cli.main import main

if __name__ == "__main__":
    main()
