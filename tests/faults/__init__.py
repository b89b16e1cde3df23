"""The fault trial: every step of a reply going wrong, on real Gradio servers and on one that does wrong as told."""
