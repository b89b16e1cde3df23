"""No chat at all: an image and a number in, labels and a number out."""

from __future__ import annotations

from typing import Any

import gradio as gr


def classify(image: Any, threshold: float) -> tuple[dict[str, float], float]:
    cat = 0.75 if image is not None else 0.5
    return {"cat": cat, "dog": 1 - cat}, threshold * 2


demo = gr.Interface(
    classify,
    [gr.Image(label="Image"), gr.Number(0.5, label="Threshold")],
    [gr.Label(label="Classes"), gr.Number(label="Twice the threshold")],
)

if __name__ == "__main__":
    demo.launch()
