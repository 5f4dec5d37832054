"""From what a user calls a trained model to the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skinzoo.errors import UnknownNameError, WeightsError

if TYPE_CHECKING:
    from skinzoo.hub.options import HubOptions
    from skinzoo.models import SkinModel

MODEL_HELP = "folder of a saved model, hf-hub:OWNER/NAME[@COMMIT], or a name that `skinzoo weights` lists"
_PREFIXES = ("local-dir:", "hf-hub:")


def full_name(text: str) -> str:
    """What `create_model` calls a trained model: `local-dir:...`, `hf-hub:...`, or the name of a record.

    A record wins over a folder of its name; `./NAME` is the folder.

    Raises:
        WeightsError: A path that is no folder, or an architecture, which has no weights of its own.
        UnknownNameError: No such record; the message lists close matches.
    """
    import skinzoo
    from skinzoo.hub.records import list_weights, weights_info

    path = Path(text)
    may_be_name = len(path.parts) == 1 and not path.is_absolute()
    if text.startswith(_PREFIXES) or (may_be_name and "." in text and text in list_weights()):
        return text
    if path.is_dir():
        return f"local-dir:{text}"
    if path.exists():
        raise WeightsError(f"{text} is a file; give the folder with config.json and model.safetensors.")
    if not may_be_name:
        raise WeightsError(f"there is no folder {text}; give one that was written by model.save_pretrained.")
    try:
        skinzoo.model_info(text)
    except UnknownNameError:
        weights_info(text)
        raise
    trained = list_weights(f"{text}.*")
    known = f"use {' or '.join(trained)}" if trained else "give a folder with trained weights"
    raise WeightsError(f"{text} is an architecture, without trained weights; {known}.")


def load_model(text: str, hub: HubOptions) -> SkinModel:
    """A trained model, in evaluation mode.

    Raises:
        WeightsError: It cannot be loaded; see `full_name` and `skinzoo.create_model`.
    """
    import skinzoo

    name = full_name(text)
    if name.startswith("local-dir:"):
        return skinzoo.create_model(name)
    return skinzoo.create_model(name, hub=hub)
