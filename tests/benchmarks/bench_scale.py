"""What does a collection of 401,059 rows cost? Run as `python tests/benchmarks/bench_scale.py FOLDER [rows] [steps]`.

Fabricates a table and an HDF5 file of SLICE-3D's shape in FOLDER (about 1.7 GB; kept for the next run), then measures
each step in a process of its own: `none` and `quick` open the collection with that check, `use` splits it by patient
and says how much memory is each loader worker's own. Needs Linux.
"""

from __future__ import annotations

import csv
import gc
import io
import multiprocessing
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS, PATIENTS, POSITIVES = 401_059, 1_042, 393
TEXTS = {
    "sex": ("male", "female", ""),
    "anatom_site_general": ("lower extremity", "head/neck", "posterior torso", "anterior torso", "upper extremity", ""),
    "image_type": ("TBP tile: close-up",),
    "tbp_tile_type": ("3D: white", "3D: XP"),
    "tbp_lv_location": ("Right Leg - Upper", "Head & Neck", "Torso Back Top Third", "Left Arm - Lower"),
    "tbp_lv_location_simple": ("Right Leg", "Head & Neck", "Torso Back", "Left Arm"),
    "attribution": (
        "Memorial Sloan Kettering Cancer Center",
        "ACEMID MIA",
        "Department of Dermatology, Hospital Clínic de Barcelona",
        "University Hospital of Basel",
    ),
    "copyright_license": ("CC-BY", "CC-BY-NC", "CC-0"),
}
MEASURES = (
    *("A", "Aext", "B", "Bext", "C", "Cext", "H", "Hext", "L", "Lext", "areaMM2", "area_perim_ratio"),
    *("color_std_mean", "deltaA", "deltaB", "deltaL", "deltaLB", "deltaLBnorm", "eccentricity", "minorAxisMM"),
    *("nevi_confidence", "norm_border", "norm_color", "perimeterMM", "radial_color_std_max", "stdL", "stdLExt"),
    *("symm_2axis", "symm_2axis_angle", "x", "y", "z"),
)
LAST = ("lesion_id", "iddx_full", *(f"iddx_{k}" for k in range(1, 6)), "mel_mitotic_index", "mel_thick_mm")


def fabricate(folder: Path, rows: int) -> None:
    """Write `train-metadata.csv` (55 columns) and `train-image.hdf5` of fabricated rows, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    ids = [f"ISIC_{15670 + 19 * i:07d}" for i in range(rows)]
    if not (folder / "train-metadata.csv").exists():
        _write_table(folder / "train-metadata.csv", ids, rng)
    if not (folder / "train-image.hdf5").exists():
        _write_images(folder / "train-image.hdf5", ids, rng)


def _write_table(path: Path, ids: list[str], rng: np.random.Generator) -> None:
    positive = set(rng.choice(len(ids), max(6, POSITIVES * len(ids) // ROWS), replace=False).tolist())
    measures = [f"tbp_lv_{name}" for name in MEASURES]
    header = ["isic_id", "target", "patient_id", "age_approx", "clin_size_long_diam_mm", *TEXTS, *measures, *LAST]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*header, "tbp_lv_dnn_lesion_confidence"])
        for i, name in enumerate(ids):
            patient = int(min(rng.gamma(1.2, PATIENTS / 6), PATIENTS - 1))
            words = [choice[k % len(choice)] for choice, k in zip(TEXTS.values(), rng.integers(0, 60, 8), strict=True)]
            found = ["IL_7654321", "Malignant::Melanoma", "Malignant"] if i in positive else ["", "Benign", "Benign"]
            row = [name, int(i in positive), f"IP_{1_000_000 + 977 * patient}", f"{5.0 * rng.integers(1, 18)}"]
            row += [f"{rng.uniform(1, 9):.2f}", *words, *(f"{x:.8f}" for x in rng.normal(20, 9, len(measures)))]
            writer.writerow([*row, *found, *[""] * (len(LAST) - len(found)), f"{rng.uniform(50, 100):.6f}"])


def _write_images(path: Path, ids: list[str], rng: np.random.Generator) -> None:
    import h5py
    from PIL import Image

    pool = []
    for side in rng.integers(61, 240, 64):
        picture = Image.fromarray(rng.integers(90, 220, (6, 6, 3), dtype=np.uint8)).resize((int(side), int(side)))
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=90)
        pool.append(data.getvalue()[:-2])
    with h5py.File(path, "w") as file:
        for i, name in enumerate(ids):  # a comment before the end mark makes each file another one
            file.create_dataset(name, data=np.void(pool[i % 64] + b"\xff\xfe\x00\x0e" + name.encode() + b"\xff\xd9"))


def memory() -> dict[str, float]:
    """Resident memory of this process and the highest it ever was, in MB."""
    now = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return {"resident": now / 1e6, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


def own_memory(process: int) -> float:
    """Memory that a process shares with no other, in MB."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1e3


def timed(what: str, call: Callable[[], Any]) -> Any:
    """What `call` returns; prints the seconds it took and the memory it cost."""
    before, start = memory(), time.perf_counter()
    result = call()
    seconds, after = time.perf_counter() - start, memory()
    gained = {name: after[name] - before[name] for name in after}
    print(f"{what}: {seconds:.2f} s, {gained['resident']:+.0f} MB resident, {gained['peak']:+.0f} MB peak", flush=True)
    return result


def measure_opening(folder: Path, check: str) -> None:
    """Open the collection once."""
    import skinzoo.datasets

    timed(f"open, check={check!r}", lambda: skinzoo.datasets.load_dataset("isic2024", folder, check=check))


def measure_use(folder: Path) -> None:
    """Split the collection, and read batches of it in two worker processes."""
    import torch

    import skinzoo

    torch.set_num_threads(1)
    data = skinzoo.load_dataset("isic2024", folder, check="none")
    parts = timed("split by patient", lambda: data.split((0.70, 0.15, 0.15)))
    print("  " + ", ".join(f"{p.part} {len(p)} ({p.class_counts()['malignant']} malignant)" for p in parts))
    transform = skinzoo.transforms.Transform(skinzoo.InputSpec((64, 64)))
    gc.collect()
    for size in (8, len(parts[0])):  # what workers cost on 8 samples is Python's and PyTorch's own
        subset = parts[0].subset(range(size))
        loader = skinzoo.make_loader(subset, transform, batch_size=4, shuffle=True, num_workers=2)
        batches = iter(loader)
        for _ in range(min(200, len(loader))):
            next(batches)
        own = [own_memory(worker.pid) for worker in multiprocessing.active_children()]
        print(f"workers on {size} samples: {', '.join(f'{mb:.1f}' for mb in own)} MB of their own each")
        del batches, loader


STEPS: dict[str, Callable[[Path], None]] = {
    "none": lambda folder: measure_opening(folder, "none"),
    "quick": lambda folder: measure_opening(folder, "quick"),
    "use": measure_use,
}


def main() -> None:
    steps = [a for a in sys.argv[1:] if a in STEPS]
    folder, *rows = [a for a in sys.argv[1:] if a not in STEPS]
    fabricate(Path(folder), int(rows[0]) if rows else ROWS)
    if len(steps) == 1:
        STEPS[steps[0]](Path(folder))
        return
    for step in steps or STEPS:  # each in a process of its own, so that none has the memory of another
        subprocess.run([sys.executable, __file__, folder, step], check=True)


if __name__ == "__main__":
    main()
