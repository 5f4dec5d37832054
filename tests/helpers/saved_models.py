"""Changing the configuration of a saved model, as damage or an attacker would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def own_config(folder: Path) -> dict[str, Any]:
    """What skinzoo wrote about the model."""
    return json.loads((folder / "config.json").read_text())["_skinzoo"]


def change_config(folder: Path, change: Callable[[dict[str, Any]], object] | None = None, **values: Any) -> str:
    """Change that, by a function and by values; returns the model's name."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    if change is not None:
        change(config["_skinzoo"])
    config["_skinzoo"].update(values)
    path.write_text(json.dumps(config))
    return f"local-dir:{folder}"
