"""What the pages say of trained weights, from their records."""

from markdown_table import table

import skinzoo
from skinzoo.hub import WeightsRecord

SHOWN = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC",
    "malignant/auc": "AUC, malignant against benign",
    "ece": "calibration error",
    "dice": "Dice of the lesion",
    "iou": "IoU of the lesion",
}


def weights() -> str:
    """All weights that have a record, a row each."""
    rows = [
        [
            f"`{record.name}`",
            record.title,
            f"{record.parameters / 1e6:.1f} M, {record.size / 1e6:.1f} MB",
            "the package" if record.bundled else f"`hf-hub:{record.reference}`",
            record.licence,
        ]
        for record in map(skinzoo.weights_info, skinzoo.list_weights())
    ]
    return table(["name", "what it is", "parameters, files", "lies in", "licence"], rows)


def bundled() -> str:
    """Figures of the weights in the package that have seen real lesions."""
    records = map(skinzoo.weights_info, skinzoo.list_weights("*.bundled"))
    return "\n\n".join(_figures(record) for record in records if not record.synthetic)


def _figures(record: WeightsRecord) -> str:
    found = {f.metric: f for f in record.figures if f.metric in SHOWN and f.value is not None}
    chosen = [found[metric] for metric in SHOWN if metric in found]
    size = record.files["model.safetensors"].size
    about = (
        f"`{record.name}`: {record.title[0].lower()}{record.title[1:]}; {record.parameters / 1e6:.1f} million "
        f"parameters, {size / 1e6:.1f} MB, from random weights. Measured on {chosen[0].n:,} images of lesions that it "
        "has never met, with 95 % intervals by lesion:"
    )
    rows = ((SHOWN[f.metric], f"**{f.value:.3f}** ({f.interval})") for f in chosen)
    return f"{about}\n\n{table(['', ''], rows)}"
