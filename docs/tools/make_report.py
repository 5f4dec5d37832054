"""Measures the weights in the package for these pages: `python docs/tools/make_report.py <folder of the collections>`.

The test part is the one that they were scored on when they were made. Of the nine-class pictures, those count as
another collection whose lesion is nowhere in HAM10000. No photograph is in the report: the licence of the collections
asks for care, and the drawings say enough.
"""

import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from markdown_table import table

import skinzoo
from skinzoo.evaluation.external.report import CrossReport, account
from skinzoo.files import write_json, write_text
from skinzoo.hub.bundled import bundled_folder

NAME = "multitask_regnety_004.bundled"
FOLDER = Path(__file__).parents[1] / "assets" / "results"
METRICS = {
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "malignant/auc": "AUC, malignant",
    "malignant/sensitivity": "sensitivity, malignant",
    "malignant/specificity": "specificity, malignant",
}


def test_part(ham: skinzoo.SkinDataset) -> skinzoo.SkinDataset:
    """What the weights were scored on when they were made."""
    record = skinzoo.weights_info(NAME)
    made = json.loads((bundled_folder(record) / "config.json").read_text("utf-8"))["_skinzoo"]["training"]["data"]
    return ham.split(made["fractions"], seed=record.training.seed)[2]


def never_in(ham: skinzoo.SkinDataset, nine: skinzoo.SkinDataset) -> skinzoo.SkinDataset:
    """The nine-class pictures without any that HAM10000 shows too, by id, lesion, file or look."""
    (exposure,) = skinzoo.audit(train=ham, nine=nine, near=True, progress=False).exposures
    seen = set(exposure.ids)
    rest = nine.subset([row for row, name in enumerate(nine.records.ids.tolist()) if name not in seen])
    skinzoo.datasets.check_disjoint(ham, rest)
    return rest


def external_table(report: CrossReport) -> str:
    """Both collections, the drop, and what was scored."""
    rows = []
    for score in report.collections:
        cells = [f"{score.values[m]:.3f} ({'{:.3f} to {:.3f}'.format(*score.intervals[m])})" for m in METRICS]
        rows.append([f"`{score.name}`", f"{score.labels.images:,}", *cells])
    drops = report.collections[1].drops
    cells = [f"{drops[m].drop:.3f} ({'{:.3f} to {:.3f}'.format(*drops[m].interval)})" for m in METRICS]
    rows.append(["drop", "", *cells])
    said = [f"- `{score.name}`: {line}." for score in report.collections for line in account(score)]
    return table(["", "images", *METRICS.values()], rows) + "\n\n" + "\n".join(said) + "\n"


def main(root: Path) -> None:
    """Score, and write the page and the table."""
    ham = skinzoo.load_dataset("ham10000", root / "ham10000")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skinzoo.datasets.IntegrityWarning)  # what is left out is in the table
        nine = skinzoo.load_dataset("isic9", root / "isic9", lesions=root / "ham10000" / "HAM10000_metadata.csv")
    model, test = skinzoo.create_model(NAME), test_part(ham)

    across = skinzoo.evaluate_across(model, [test, never_in(ham, nine)], metrics=list(METRICS))
    print(across)
    write_json(FOLDER / "external.json", across.to_dict())
    write_text(FOLDER / "external.md", external_table(across))

    report = skinzoo.evaluate(model, test, examples=0, thorough=True)
    print(report)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(report.save(folder), FOLDER / "report.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]).expanduser())
