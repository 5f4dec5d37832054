"""A page on which people try a model: a picture in, named probabilities, outline, heatmap and measures out.

Importing this package does not import Gradio; `build_page` does.
"""

from skinzoo.demo.answering import Answer, Refusal, answer
from skinzoo.demo.page import build_page, launch

__all__ = [
    "Answer",
    "Refusal",
    "answer",
    "build_page",
    "launch",
]
