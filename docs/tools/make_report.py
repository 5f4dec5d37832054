"""Makes the example report of these pages: `python docs/tools/make_report.py <folder of HAM10000>`.

The weights in the package are scored on the test part that they were scored on when they were made. No photograph is in
the page: the licence of the collection asks for care, and the drawings say enough.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import skinzoo
from skinzoo.hub.bundled import bundled_folder

NAME = "multitask_regnety_004.bundled"
PAGE = Path(__file__).parents[1] / "assets" / "results" / "report.html"


def main(root: str) -> None:
    """Score, and write the page."""
    record = skinzoo.weights_info(NAME)
    made = json.loads((bundled_folder(record) / "config.json").read_text("utf-8"))["_skinzoo"]["training"]["data"]
    data = skinzoo.load_dataset(made["name"], root, **made["options"])
    test = data.split(made["fractions"], seed=record.training.seed)[2]
    report = skinzoo.evaluate(skinzoo.create_model(NAME), test, examples=0, thorough=True)
    print(report)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(report.save(folder), PAGE)
    print(f"{PAGE}: {PAGE.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1])
