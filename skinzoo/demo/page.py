"""The page itself, in Gradio."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import skinzoo
from skinzoo.demo.answering import Refusal, answer
from skinzoo.errors import MissingDependencyError
from skinzoo.models import SkinModel

_ABOUT = """\
# {title}

Give a dermoscopic picture of a skin lesion, or choose one of the drawn examples. The answer has the probabilities of
the classes, the outline of the lesion, where the model looks (Grad-CAM), and some measures of what it outlined.
"""
_WARNING = """\
**Research and teaching only. This is not a medical device, and no answer of it says anything about anybody's health.**
Whoever worries about a spot on the skin should show it to a doctor. Pictures stay on the machine that serves this page,
and are deleted there within two hours.
"""
_CLEANED_EVERY, _KEPT_FOR = 3600, 3600  # seconds
_PER_CLASS = 4  # drawn pictures, of which one is shown


def build_page(model: SkinModel, *, title: str = "skinzoo: what does the model see?", about: str = "") -> Any:
    """A Gradio page for a model.

    Args:
        model: Any model of the zoo.
        title: Its heading.
        about: More about the model, as Markdown.

    Returns:
        `gradio.Blocks`; `.launch()` serves it.

    Raises:
        MissingDependencyError: Gradio is not installed.
    """
    gr = _gradio()
    drawn = _examples()

    def respond(path: str | None) -> tuple[dict[str, float] | None, Any, Any, str]:
        try:
            said = answer(model, path)
        except Refusal as refusal:
            return None, None, None, f"⚠️ {refusal}"
        return said.probabilities or None, said.outline, said.heatmap, said.text

    def choose(chosen: Any) -> str:
        return str(drawn[chosen.index][0])

    choose.__annotations__["chosen"] = gr.SelectData  # by which Gradio knows what to hand over
    shown = {"interactive": False, "buttons": ["download", "fullscreen"]}
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(_CLEANED_EVERY, _KEPT_FOR)) as page:
        gr.Markdown(_ABOUT.format(title=title) + (f"\n{about}\n" if about else ""))
        gr.Markdown(_WARNING, elem_id="disclaimer")
        with gr.Row():
            with gr.Column():
                file = gr.File(label="Picture (JPEG, PNG, TIFF, BMP, WebP)", type="filepath", elem_id="picture")
                gallery = gr.Gallery(
                    drawn, label="Drawn examples", columns=4, height=240, allow_preview=False, buttons=[]
                )
                words = gr.Markdown(elem_id="words")
            with gr.Column():
                classes = gr.Label(label="Probabilities", num_top_classes=10, visible=model.task.has_labels)
                outline = gr.Image(label="Outline", visible=model.task.has_masks, **shown)
                heat = gr.Image(label="Where the model looks", visible=model.task.has_labels, **shown)
        gallery.select(choose, None, file, api_name=False)
        file.change(respond, file, [classes, outline, heat, words], api_name="answer")
    return page


def launch(
    model: SkinModel, *, host: str = "127.0.0.1", port: int = 7860, browser: bool = True, **options: Any
) -> None:
    """Serve the page until the process ends; nothing on it is requested from another server.

    Args:
        model: Any model of the zoo.
        host: Address to listen on; `"0.0.0.0"` for all networks of this machine.
        port: Number of the port.
        browser: True to open it in a browser.
        **options: For `build_page`.

    Raises:
        MissingDependencyError: Gradio is not installed.
    """
    gr = _gradio()
    page = build_page(model, **options)
    fonts = ["system-ui", "sans-serif"]  # of the visitor's own machine
    page.launch(
        server_name=host,
        server_port=port,
        inbrowser=browser,
        share=False,
        theme=gr.themes.Default(primary_hue="teal", font=fonts, font_mono=["monospace"]),
        max_file_size="50mb",
        footer_links=["gradio"],
    )


def _gradio() -> Any:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio
    except ImportError as error:
        raise MissingDependencyError('the demo needs Gradio: pip install "skinzoo[demo]".') from error
    return gradio


def _examples() -> list[tuple[str, str]]:
    """Drawn lesions, one of each class: files and captions."""
    folder = Path(tempfile.mkdtemp(prefix="skinzoo-demo-"))
    data = skinzoo.load_dataset("synthetic", num_images=_PER_CLASS * 7, size=256, seed=3)
    labels, made = data.records.labels.tolist(), []
    for index, code in enumerate(data.label_space):
        path = folder / f"{code}.png"
        Image.fromarray(np.asarray(data[labels.index(index)].image)).save(path)
        made.append((str(path), code))
    return made
