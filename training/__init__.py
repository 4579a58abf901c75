"""Data, training loops and runs. Never imports gradio."""
