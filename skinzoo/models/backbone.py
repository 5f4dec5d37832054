"""Start weights of a backbone: ImageNet through timm, a local file, or none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
from torch import Tensor

from skinzoo.errors import ConfigError, OfflineError
from skinzoo.models.strict import load_strictly
from skinzoo.tensors import load_tensors


def timm_backbone(name: str, weights: str | os.PathLike[str] | None, **kwargs: Any) -> Any:
    """A timm model without its classifier.

    Args:
        name: timm's model name, with or without a pretrained tag.
        weights: `"imagenet"` for timm's default pretrained weights, None for random ones, or a safetensors file that
            holds the timm model's weights (its classifier, if any, is left out).
        **kwargs: Passed on to `timm.create_model`.

    Raises:
        OfflineError: The weights are not cached and could not be downloaded.
        ConfigError: The architecture has no pretrained weights.
    """
    if weights is None:
        return timm.create_model(name, pretrained=False, num_classes=0, **kwargs)
    if weights == "imagenet":
        return _downloaded(name, **kwargs)
    backbone = timm.create_model(name, pretrained=False, num_classes=0, **kwargs)
    load_strictly(backbone, without_classifier(name, load_tensors(weights)), what=str(Path(weights)))
    return backbone


def without_classifier(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a timm model except its classifier's."""
    heads = timm.get_pretrained_cfg_value(name, "classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    return {k: v for k, v in tensors.items() if not any(k.startswith(f"{head}.") for head in heads)}


def _downloaded(name: str, **kwargs: Any) -> Any:
    record = timm.get_pretrained_cfg(name)
    if record is None or not (record.hf_hub_id or record.url):
        raise ConfigError(f"timm has no pretrained weights for {name!r}; use backbone_weights=None for random ones.")
    if record.hf_hub_id:
        _require_reachable(name, record)
    try:
        return timm.create_model(name, pretrained=True, num_classes=0, **kwargs)
    except OSError as error:  # every client's network error derives from it
        raise _offline(name, record.hf_hub_id or record.url, error) from error


def _require_reachable(name: str, record: Any) -> None:
    """Fail within seconds rather than after the downloader's own retries, which take most of a minute."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    repo, filename = record.hf_hub_id, record.hf_hub_filename or "model.safetensors"
    if isinstance(try_to_load_from_cache(repo, filename), str):
        return
    try:
        get_hf_file_metadata(hf_hub_url(repo, filename), timeout=10)
    except Exception as error:  # the client's transport, and so its exceptions, differ from version to version
        raise _offline(name, repo, error) from error


def _offline(name: str, source: str, error: Exception) -> OfflineError:
    return OfflineError(
        f"the ImageNet weights of {name!r} ({source}) are not in the local cache and could not be downloaded "
        f"({type(error).__name__}: {error}). Without a network there are two ways out: pass the path of a local "
        "safetensors file as backbone_weights=..., or backbone_weights=None to start from random weights."
    )
