"""Fixtures for all tests: small fabricated collections in `tmp_path`, and the real ones where a machine has them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # the Hub's client reads these once, when it is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import pytest
from browser import WHY_NOT, Browser, find_browser
from hub_fixtures import client_sleeps as client_sleeps
from hub_fixtures import hub as hub
from hypothesis import settings
from PIL import Image

settings.register_profile("skinzoo", deadline=None)  # no test times the clock
settings.load_profile("skinzoo")

HAM_HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
DX = ("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc")
ISIC9_TITLES = (
    "actinic keratosis",
    "basal cell carcinoma",
    "dermatofibroma",
    "melanoma",
    "nevus",
    "pigmented benign keratosis",
    "seborrheic keratosis",
    "squamous cell carcinoma",
    "vascular lesion",
)
REAL_TARS = {
    "ham10000": "21b8883856653b6c819b710c12ea5d315c2815b66d0615b9f3bb599734b5e4f7",
    "isic9": "33c97294bfa89f832da8464b1325161126c49fb336ebc1208f43e087b212ecbf",
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """One thread, where a test uses PyTorch at all: sums then have one order."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is remembered in the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKINZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def pixels(seed: int = 0, height: int = 24, width: int = 32) -> np.ndarray:
    """A blob on noise, uint8 (H, W, 3); another picture for another seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    blob = ((y - height / 2) ** 2 + (x - width / 2) ** 2 < (min(height, width) / 3) ** 2)[..., None]
    return (rng.integers(150, 256, (height, width, 3)) - 110 * blob).astype(np.uint8)


def lesion_mask(height: int = 24, width: int = 32) -> np.ndarray:
    """The blob of `pixels`, uint8 (H, W) of 0 and 255."""
    y, x = np.mgrid[:height, :width]
    return np.where((y - height / 2) ** 2 + (x - width / 2) ** 2 < (min(height, width) / 3) ** 2, 255, 0).astype(
        np.uint8
    )


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """`write_image(path, seed=0, height=24, width=32, mode="RGB", **save options)`: a picture on disk."""

    def write(path: Path, seed: int = 0, height: int = 24, width: int = 32, mode: str = "RGB", **save: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(seed, height, width)).convert(mode).save(path, **save)
        return path

    return write


@pytest.fixture
def write_mask() -> Callable[..., Path]:
    """`write_mask(path, height=24, width=32)`: a mask of 0 and 255 on disk."""

    def write(path: Path, height: int = 24, width: int = 32) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(lesion_mask(height, width)).save(path)
        return path

    return write


@pytest.fixture
def fake_ham10000(
    tmp_path: Path, write_image: Callable[..., Path], write_mask: Callable[..., Path]
) -> Callable[..., Path]:
    """`fake_ham10000(...)` makes a small HAM10000 as Kaggle distributes it and returns its folder.

    28 images of 21 lesions by default: for each class two lesions with one image and one with two.
    """

    def make(
        name: str = "HAM10000",
        *,
        table: str | None = "HAM10000_metadata.csv",
        delimiter: str = ",",
        folders: Sequence[str] = ("HAM10000_images_part_1", "HAM10000_images_part_2"),
        masks: str | None = "HAM10000_segmentations_lesion_tschandl",
        mask_scale: int = 3,
    ) -> Path:
        root = tmp_path / name
        root.mkdir(parents=True)
        lines = [HAM_HEADER]
        for k in range(28):
            image_id, dx, lesion = f"ISIC_{24306 + k:07d}", DX[k % 7], f"HAM_{k % 21:07d}"
            age, sex, place = ("", "unknown", "unknown") if k == 0 else (f"{5.0 * (k % 18)}", "female", "back")
            lines.append(f"{lesion},{image_id},{dx},histo,{age},{sex},{place}")
            write_image(root / folders[k % len(folders)] / f"{image_id}.jpg", seed=k, quality=90)
            if masks:
                write_mask(root / masks / f"{image_id}_segmentation.png", 24 * mask_scale, 32 * mask_scale)
        if table is not None:
            (root / table).write_text("\n".join(line.replace(",", delimiter) for line in lines) + "\n")
        return root

    return make


@pytest.fixture
def fake_isic9(tmp_path: Path, write_image: Callable[..., Path]) -> Path:
    """A small tree of the nine "Skin cancer ISIC" classes: two training images and one test image of each."""
    root = tmp_path / "isic9"
    for k, title in enumerate(ISIC9_TITLES):
        for j, part in enumerate(("Train", "Train", "Test")):
            write_image(root / part / title / f"ISIC_{10 * k + j:07d}.jpg", seed=10 * k + j)
    return root


@pytest.fixture(scope="session")
def real_ham10000() -> Path:
    """The folder of the shared part of the real HAM10000; skips where it is absent."""
    return _real("ham10000")


@pytest.fixture(scope="session")
def real_isic9() -> Path:
    """The folder of the real nine-class images; skips where they are absent."""
    return _real("isic9")


def _real(name: str) -> Path:
    cache = Path(os.environ.get("SKINZOO_DATA") or "~/.cache/skinzoo/data").expanduser()
    if (cache / name).is_dir():
        return cache / name
    tar = Path(__file__).resolve().parents[2] / "shared" / "data" / f"{name}.tar"
    if not tar.is_file():
        pytest.skip(f"the real {name} is neither in {cache} (set SKINZOO_DATA) nor at {tar}")
    from skinzoo.files import sha256_of

    if sha256_of(tar) != REAL_TARS[name]:
        pytest.fail(f"{tar} does not have the sha256 {REAL_TARS[name]}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary, tarfile.open(tar) as archive:
        archive.extractall(temporary, filter="data")
        with contextlib.suppress(OSError):  # another process was quicker
            (Path(temporary) / name).rename(cache / name)
    return cache / name


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A page in a real browser."""
    if (program := find_browser()) is None or shutil.which("bash") is None:
        pytest.skip(WHY_NOT)
    with Browser(program, tmp_path_factory.mktemp("browser")) as page:
        yield page
