"""`python -m qwen_gradio`, another name of the command `qwen-gradio`."""

from .cli.main import main

if __name__ == "__main__":
    main()
