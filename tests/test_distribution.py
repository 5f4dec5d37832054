"""What is released: files of wheel and sdist, their metadata, that they are built alike anywhere, that they suffice.

`SKINZOO_DIST` names a folder with a wheel and an sdist that were built before; without it both are built here.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest
import yaml
from fresh_environment import FreshEnvironment
from packaging.metadata import Metadata
from packaging.requirements import Requirement

import skinzoo

ROOT = Path(__file__).parents[1]
if not (ROOT / "pyproject.toml").is_file() or not (ROOT / "skinzoo").is_dir():
    pytest.skip("the sources of the distribution are not here", allow_module_level=True)
pytest.importorskip("hatchling", reason="the build backend is not installed")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH") or 1_767_225_600)
STEM = f"skinzoo-{skinzoo.__version__}"
INFO = f"{STEM}.dist-info"
FOLDERS = ("skinzoo", "tests", "examples", "docs")
FILES = ("mkdocs.yml", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff")
MAX_WHEEL = 12_000_000
MAX_SDIST = 15_000_000
MAX_WEIGHTS = 10_000_000
MAX_FILE = 200_000
"""Of what is not weights, in the wheel."""
KINDS = {".py", ".json", ".md", ".safetensors", ".typed"}
PICTURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|II\*\0|MM\0\*|RIFF....WEBP|\0\0\0.ftyp|PK\x03\x04|\x1f\x8b", re.DOTALL
)


class Distribution(NamedTuple):
    """Paths of a wheel and an sdist."""

    wheel: Path
    sdist: Path


def found_in(folder: Path) -> Distribution:
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distribution(wheel, sdist)


def build(source: Path, target: Path) -> Distribution:
    """Build both of a tree, as the release does."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return found_in(target)


def unpack(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / STEM


def sources(*names: str) -> dict[str, bytes]:
    """Files of the checkout below these folders, without what Python, tools and the desktop leave there."""
    found = {}
    for path in (path for name in names for path in (ROOT / name).rglob("*") if path.is_file()):
        place = path.relative_to(ROOT)
        if path.suffix != ".pyc" and not any(part == "__pycache__" or part.startswith(".") for part in place.parts):
            found[place.as_posix()] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    if folder := os.environ.get("SKINZOO_DIST"):
        return found_in(Path(folder).resolve())
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: Distribution) -> dict[str, bytes]:
    """Names and contents of the wheel's files."""
    with zipfile.ZipFile(built.wheel) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(built: Distribution) -> dict[str, bytes]:
    """Names, below the one folder, and contents of the sdist's files."""
    with tarfile.open(built.sdist) as archive:
        members = archive.getmembers()
        assert all(member.isfile() and member.mtime == EPOCH for member in members)
        assert {PurePosixPath(member.name).parts[0] for member in members} == {STEM}
        return {m.name.removeprefix(f"{STEM}/"): archive.extractfile(m).read() for m in members}


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> Metadata:
    """The wheel's, every field validated."""
    return Metadata.from_email(wheel[f"{INFO}/METADATA"], validate=True)


# -- the wheel --------------------------------------------------------------------------------------------------------


def test_the_wheel_is_the_package_and_nothing_else(built, wheel, metadata):
    assert built.wheel.name == f"{STEM}-py3-none-any.whl"
    assert {name.partition("/")[0] for name in wheel} == {"skinzoo", INFO}
    assert {name: content for name, content in wheel.items() if name.startswith("skinzoo/")} == sources("skinzoo")
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", *(f"licenses/{n}" for n in metadata.license_files)}
    assert {name.removeprefix(f"{INFO}/") for name in wheel if name.startswith(INFO)} == about
    assert b"Root-Is-Purelib: true\nTag: py3-none-any\n" in wheel[f"{INFO}/WHEEL"]


def test_data_that_is_read_at_run_time_is_in_the_wheel(wheel):
    assert wheel["skinzoo/py.typed"] == b""
    records = {name: json.loads(content) for name, content in wheel.items() if name.startswith("skinzoo/hub/records/")}
    assert {PurePosixPath(name).stem for name in records} == set(skinzoo.list_weights())
    bundled = [name for name in skinzoo.list_weights() if skinzoo.weights_info(name).bundled]
    assert bundled
    for name in bundled:
        for file, expected in skinzoo.weights_info(name).files.items():
            content = wheel[f"skinzoo/hub/bundled/{name}/{file}"]
            assert (len(content), hashlib.sha256(content).hexdigest()) == (expected.size, expected.sha256), file


def test_the_wheel_is_small_and_holds_no_picture(built, wheel):
    assert built.wheel.stat().st_size <= MAX_WHEEL
    sizes = {name: len(content) for name, content in wheel.items()}
    weights = {name: size for name, size in sizes.items() if name.endswith(".safetensors")}
    assert max(weights.values()) <= MAX_WEIGHTS
    assert {name: size for name, size in sizes.items() if size > MAX_FILE and name not in weights} == {}
    paths = (PurePosixPath(name) for name in wheel if name.startswith("skinzoo/"))
    assert {path.suffix for path in paths if path.name != "LICENSE"} <= KINDS
    assert [name for name, content in wheel.items() if PICTURE.match(content)] == []
    assert [name for name, content in wheel.items() if b"data:image/" in content and name.endswith(".json")] == []


def test_nothing_speaks_of_the_machine_that_built_it(wheel):
    here = {str(path).encode() for path in (ROOT, ROOT.resolve(), Path.home()) if len(path.parts) > 2}
    assert [name for name, content in wheel.items() if any(path in content for path in here)] == []


def test_the_record_lists_every_file_with_its_sum(wheel):
    rows = list(csv.reader(io.StringIO(wheel[f"{INFO}/RECORD"].decode())))
    assert len(rows) == len(wheel) == len({row[0] for row in rows})
    assert [f"{INFO}/RECORD", "", ""] in rows
    for name, digest, size in rows:
        if name != f"{INFO}/RECORD":
            found = base64.urlsafe_b64encode(hashlib.sha256(wheel[name]).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={found}", len(wheel[name])), name


# -- metadata ---------------------------------------------------------------------------------------------------------


def test_versions_agree(metadata):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = [line.removeprefix("## ") for line in changelog.splitlines() if line.startswith("## ")]
    assert "Unreleased" not in headings[1:]
    newest = headings[headings[0] == "Unreleased"]
    assert newest == f"{skinzoo.__version__} - {citation['date-released']}"
    assert {str(metadata.version), citation["version"]} == {skinzoo.__version__}


def test_the_citation_file_has_what_its_format_asks_for():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "version", "date-released", "license"} <= set(citation)
    assert all(set(author) <= {"name", "given-names", "family-names", "orcid"} for author in citation["authors"])
    assert citation["license"] in PROJECT["license"].split(" AND ")


def test_names_and_versions_of_python(metadata):
    assert (metadata.name, metadata.summary) == ("skinzoo", PROJECT["description"])
    assert str(metadata.requires_python) == PROJECT["requires-python"] == ">=3.11"
    assert set(metadata.classifiers) == set(PROJECT["classifiers"])
    from trove_classifiers import classifiers

    assert set(metadata.classifiers) <= classifiers


def test_the_licence_covers_everything_in_the_wheel(metadata, wheel):
    assert metadata.license_expression == PROJECT["license"]
    assert "LICENSE" in metadata.license_files
    assert all(wheel[f"{INFO}/licenses/{name}"] == (ROOT / name).read_bytes() for name in metadata.license_files)
    named = set(re.split(r" (?:and|or|with) |[()]", metadata.license_expression.casefold()))
    of_weights = {skinzoo.weights_info(n).licence for n in skinzoo.list_weights() if skinzoo.weights_info(n).bundled}
    missing = {licence for licence in of_weights if licence.replace(" ", "-").casefold() not in named}
    assert not missing, f"weights in the package are under {missing}; say so in pyproject.toml: license = 'MIT AND ...'"


def test_requirements_and_extras(metadata):
    extras = PROJECT["optional-dependencies"]
    assert set(metadata.provides_extra) == set(extras) == {"data", "demo", "explain", "onnx", "tensorboard"}
    wanted = [Requirement(line) for line in PROJECT["dependencies"]]
    for extra, lines in extras.items():
        wanted += [Requirement(f"{line} ; extra == '{extra}'") for line in lines]
    assert set(map(str, metadata.requires_dist)) == set(map(str, wanted))


def test_the_command_is_declared(wheel):
    parser = ConfigParser()
    parser.read_string(wheel[f"{INFO}/entry_points.txt"].decode())
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {"skinzoo": "skinzoo.cli:main"}
    }
    assert callable(import_module("skinzoo.cli").main)


def test_the_description_is_the_readme_and_what_it_links_to_is_in_the_sdist(metadata, sdist):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert metadata.description.strip() == readme.strip()
    assert metadata.description_content_type == "text/markdown"
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", readme) if "://" not in link]
    absent = [link for link in links if not any(name.startswith(link.partition("#")[0]) for name in sdist)]
    assert links
    assert not absent


# -- the sdist --------------------------------------------------------------------------------------------------------


def test_the_sdist_holds_package_tests_examples_and_pages(built, sdist):
    assert built.sdist.name == f"{STEM}.tar.gz"
    own = {name: (ROOT / name).read_bytes() for name in (*FILES, ".gitignore") if (ROOT / name).is_file()}
    assert set(FILES) <= set(own)
    found = {name: content for name, content in sdist.items() if name != "PKG-INFO"}
    wanted = sources(*FOLDERS) | own
    assert set(found) == set(wanted)
    assert found == wanted


def test_the_sdist_is_small_and_holds_no_photograph(built, sdist):
    assert built.sdist.stat().st_size <= MAX_SDIST
    pictures = [name for name, content in sdist.items() if PICTURE.match(content)]
    assert [name for name in pictures if not re.fullmatch(r"docs/assets/[\w/-]+\.png", name)] == []


def test_sdist_and_wheel_say_the_same_of_themselves(sdist, wheel):
    assert sdist["PKG-INFO"] == wheel[f"{INFO}/METADATA"]


def same_bytes(one: Distribution, other: Distribution) -> bool:
    return all(a.read_bytes() == b.read_bytes() for a, b in zip(one, other, strict=True))


def test_the_sdist_builds_the_same_bytes_wherever_it_is(built, tmp_path):
    """Also below a folder that its own .gitignore names, in a repository that ignores everything."""
    (tmp_path / "build").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*\n")
    assert same_bytes(built, build(unpack(built.sdist, tmp_path / "build"), tmp_path / "out"))


def test_what_lies_about_in_a_checkout_is_not_released(built, tmp_path):
    tree = unpack(built.sdist, tmp_path)
    (tree / "PKG-INFO").unlink()
    litter = ["venv/lib/other/tests/a.py", "node_modules/a/docs/b.md", "runs/a/skinzoo/x.py", "notes.md", "a.jpg"]
    litter += ["dist/old.whl", "site/index.html", ".venv/x/examples/a.py", "skinzoo/__pycache__/x.cpython-311.pyc"]
    litter += ["tests/__pycache__/y.py", "shared/data/skinzoo/a.jpg", "docs/.DS_Store", "other/CHANGELOG.md"]
    for name in litter:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(b"litter")
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (1, 1))
    (tree / "skinzoo" / "errors.py").chmod(0o600)
    assert same_bytes(built, build(tree, tmp_path / "out"))


# -- they suffice -----------------------------------------------------------------------------------------------------

PICTURE_OF_A_LESION = """
from PIL import Image
import skinzoo
Image.fromarray(skinzoo.load_dataset("synthetic", num_images=7, size=128)[0].image).save("lesion.jpg")
"""
SMALL = """
import skinzoo
load, create, settings = skinzoo.load_dataset, skinzoo.create_model, skinzoo.TrainConfig

def small(name, **options):
    is_new = name.isidentifier() and "weights" not in options
    return create(name, **options, **({"image_size": 32, "backbone_weights": None} if is_new else {}))

skinzoo.create_model = small
skinzoo.load_dataset = lambda *_, **__: load("synthetic", num_images=140, size=48)
skinzoo.TrainConfig = lambda **options: settings(**options | {"epochs": 1})
"""
"""Drawn lesions are opened; what is new is small, starts from random weights, and is trained for a moment."""
AFTER = """
from pathlib import Path
assert all(Path("runs/demo/report", n).stat().st_size for n in ("index.html", "report.json", "predictions.csv"))
assert Path("cam.png").stat().st_size and model.training_record is not None
(one,) = skinzoo.predict(model, "lesion.jpg")
assert abs(sum(one.probabilities.values()) - 1) < 1e-5 and one.mask is not None
print("through")
"""
EVERY_MODULE = """
import importlib, pkgutil, sys, sysconfig, skinzoo
from importlib.metadata import distribution
from pathlib import Path
found = pkgutil.walk_packages(skinzoo.__path__, "skinzoo.")
names = [m.name for m in found if not m.name.endswith("__main__")]
modules = [importlib.import_module(name) for name in names]
home = Path(sysconfig.get_path("purelib"))
assert all(Path(module.__file__).is_relative_to(home) for module in [skinzoo, *modules])
assert Path(distribution("skinzoo").locate_file("skinzoo")) == home / "skinzoo"
print(len(names))
"""
BUNDLED = """
import warnings, skinzoo
warnings.simplefilter("ignore", skinzoo.hub.synthetic.SyntheticWeightsWarning)
names = [name for name in skinzoo.list_weights() if skinzoo.weights_info(name).bundled]
for name in names:
    architecture, _, tag = name.partition(".")
    model = skinzoo.create_model(architecture, weights=tag)
    print(name, skinzoo.predict(model, "lesion.jpg")[0].label in model.label_space)
"""


@pytest.fixture(scope="module")
def environment(built: Distribution, tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    folder = tmp_path_factory.mktemp("fresh")
    copy = shutil.copy(built.wheel, folder)
    made = FreshEnvironment(folder, Path(copy), [ROOT / name for name in (*FOLDERS, *FILES)])
    (folder / "work").mkdir()
    made.run("python", "-c", PICTURE_OF_A_LESION, cwd=folder / "work")
    return made


@pytest.fixture
def fresh(environment: FreshEnvironment):
    """`fresh(program, ...)` runs it in a folder with one picture; in the end nothing reached for the checkout."""
    yield lambda program, *arguments: environment.run(program, *arguments, cwd=environment.folder / "work")
    assert environment.reached() == []


@pytest.mark.slow
def test_reaching_for_the_checkout_is_noticed(environment):
    readme = str(ROOT / "README.md")
    assert "not from here" in environment.run("python", "-c", f"open({readme!r})", fails=True)
    caught = "import socket\ntry:\n    socket.getaddrinfo('skinzoo.invalid', 80)\nexcept Exception:\n    pass"
    environment.run("python", "-c", caught)
    assert environment.reached() == [f"open {readme}/", "socket.getaddrinfo skinzoo.invalid"]


@pytest.mark.slow
def test_every_module_of_the_wheel_can_be_imported(fresh):
    assert int(fresh("python", "-W", "ignore", "-c", EVERY_MODULE)) > 300


@pytest.mark.slow
def test_the_readme_runs_with_the_wheel_alone(fresh):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert "through" in fresh("python", "-c", "\n".join([SMALL, *blocks, AFTER]))


@pytest.mark.slow
def test_weights_of_the_package_load_from_the_wheel(fresh):
    told = fresh("python", "-c", BUNDLED).splitlines()
    assert told == [f"{n} True" for n in skinzoo.list_weights() if skinzoo.weights_info(n).bundled]


@pytest.mark.slow
def test_the_command_runs_with_the_wheel_alone(fresh):
    name = next(n for n in skinzoo.list_weights() if skinzoo.weights_info(n).bundled)
    help_text = fresh("skinzoo", "--help")
    assert help_text.startswith("usage: skinzoo")
    assert fresh("python", "-m", "skinzoo", "--help") == help_text
    assert fresh("skinzoo", "--version").split()[-1] == skinzoo.__version__
    assert name in fresh("skinzoo", "weights")
    assert name in fresh("skinzoo", "weights", name)
    assert "resnet18_finetuned" in fresh("skinzoo", "models")
    assert "lesion" in fresh("skinzoo", "predict", name, "lesion.jpg")


def in_tree(tree: Path, *arguments: str) -> str:
    """What a module prints that runs in the unpacked sdist, whose package comes before any other."""
    environment = os.environ | {"PYTHONPATH": str(tree), "NO_MKDOCS_2_WARNING": "1"}
    environment.pop("SKINZOO_DIST", None)
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.slow
def test_tests_of_the_sdist_are_complete(built, tmp_path):
    tree = unpack(built.sdist, tmp_path)
    assert "tests collected" in in_tree(tree, "pytest", "-q", "-p", "no:cacheprovider", "--collect-only")
    some = ["tests/test_package.py", "tests/test_docs.py", "tests/hub/test_packaged_records.py"]
    assert " passed" in in_tree(tree, "pytest", "-q", "-p", "no:cacheprovider", *some)


@pytest.mark.slow
def test_pages_of_the_sdist_are_complete(built, tmp_path):
    pytest.importorskip("material", reason="the group docs is not installed")
    tree = unpack(built.sdist, tmp_path)
    in_tree(tree, "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site"))
    assert (tmp_path / "site" / "index.html").stat().st_size
