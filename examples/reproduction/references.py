"""Figures of others that stand beside this library's, each with its source.

Only figures that were read where they are stated are here; what is merely remembered is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from reproduction.jobs import Protocol


class Reference(NamedTuple):
    """Somebody else's result.

    Attributes:
        kind: `"claimed"` by a project without a publication, or `"published"`.
        what: Model and data.
        protocol: How it was divided, as far as it is stated.
        figures: Texts by metric.
        source: Where it is stated.
        beside: Runs that were divided most like it, whose table it joins; else the first table.
    """

    kind: Literal["claimed", "published"]
    what: str
    protocol: str
    figures: Mapping[str, str]
    source: str
    beside: Protocol = "by lesion"


def _project(what: str, figure: str) -> Reference:
    return Reference(
        "claimed",
        what,
        "70/20/10, single images, all 2,357 pictures",
        {"weighted_recall": figure, "weighted_precision": figure},
        "description of a student project; ImageNet start where it is not from scratch",
        "contradictions kept",
    )


_NINE = [
    _project("simple CNN, 3.4 M parameters", "0.40"),
    _project("ResNet-50 from scratch", "0.60"),
    _project("ResNet-50, frozen, head trained", "0.65"),
    _project("ResNet-50, fine-tuned", "0.75"),
]
REFERENCES: dict[str, list[Reference]] = {
    "ham-classification": [
        Reference(
            "claimed",
            "ResNet-18, ImageNet start, 224 px, 15 epochs",
            "70/15/15, single images",
            {"accuracy": "0.854", "macro_f1": "0.832", "macro_auc": "0.974"},
            "description of a student project",
            "by image",
        ),
        Reference(
            "published",
            "ResNet-18, 128 px",
            "by lesion, 3 seeds",
            {"macro_f1": "0.651 ± 0.021"},
            "model card of `sfczaa/ddpm-derm-c1-seed2` on the Hugging Face Hub",
        ),
        Reference(
            "published",
            "ConvNeXt-Tiny trained on HAM10000 and ISIC 2019, 4 views",
            "5 folds by lesion",
            {"macro_f1": "0.740 (0.725 to 0.754)"},
            "thesesjournal, article 3073",
        ),
    ],
    "ham-segmentation": [
        Reference(
            "claimed",
            "U-Net, ResNet-18 encoder, ImageNet start, 25 epochs",
            "70/15/15, single images",
            {"dice": "0.823", "iou": "0.752"},
            "description of a student project",
        ),
        Reference(
            "published",
            "U-Net",
            "as in the paper",
            {"dice": "0.912"},
            "Sci. Rep. 11:5350 (2021), table 3 (PMC7935891)",
        ),
        Reference(
            "published",
            "U-Net with image decomposition",
            "as in the paper",
            {"dice": "0.917"},
            "Sci. Rep. 11:5350 (2021), table 3 (PMC7935891)",
        ),
    ],
    "ham-multitask": [],
    "isic9": _NINE,
    "transfer": _NINE[1:],
}
