"""A `gr.ChatInterface` that doesn't stream, and counts the turns of its own history."""

import gradio as gr
from stand_in import MESSAGES, answer_to, step, turns


@step(question="message")
def quiz(message, history):
    asked = [question for question, _ in turns(history)]
    if not asked:
        return "Welcome to the quiz! First answer: " + answer_to(message)
    return f"That was answer number {len(asked) + 1}, and before it came {', '.join(asked)}."


demo = gr.ChatInterface(quiz, **MESSAGES)

if __name__ == "__main__":
    demo.launch()
