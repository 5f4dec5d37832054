"""The house rules: what an import costs, which way imports go, what the public surface is."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import skinzoo

ROOT = Path(skinzoo.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FLOORS = [
    {"callers", "errors", "registry", "taxonomy", "types"},
    {"files", "download", "archives", "html", "tensors", "drawing", "devices", "hub"},
    {"models", "datasets", "transforms", "losses", "metrics"},
    {"inputs"},
    {"training", "evaluation", "explain", "plotting", "publishing", "interchange"},
    {"cli", "demo", "__main__"},
]
FLOOR_OF = {room: n for n, floor in enumerate(FLOORS) for room in floor}


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of skinzoo that a file imports anywhere, also inside functions."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        rooms |= {n.split(".")[1] for n in names if n.startswith("skinzoo.")}
    return rooms


def test_every_room_has_a_floor():
    assert {room_of(f) for f in FILES} - {"__init__"} == set(FLOOR_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path):
    room = room_of(path)
    if room == "__init__":
        return
    for other in imported_rooms(path) - {room}:
        assert FLOOR_OF[other] <= FLOOR_OF[room], f"{room} (floor {FLOOR_OF[room]}) imports {other} above it"
        if FLOOR_OF[room] == 2:
            assert FLOOR_OF[other] < 2, f"building blocks never import one another: {room} imports {other}"


def test_floor_zero_needs_the_standard_library_only():
    for path in (f for f in FILES if room_of(f) in FLOORS[0]):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert name.split(".")[0] in sys.stdlib_module_names | {"skinzoo"}, f"{path} imports {name}"


def test_the_public_surface_is_true():
    assert sorted(skinzoo.__all__) == skinzoo.__dir__()
    assert set(skinzoo.__all__) - {"__version__"} == set(skinzoo._MODULE_OF)
    for name in skinzoo.__all__:
        assert getattr(skinzoo, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'creat_model'"):
        _ = skinzoo.creat_model


def test_packages_can_be_reached_without_importing_each():
    code = "import skinzoo; skinzoo.errors.SkinzooError, skinzoo.training.Callback, skinzoo.metrics.roc_auc"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT.parent)})


@pytest.mark.parametrize("room", sorted(r for floor in FLOORS[2:] for r in floor if (ROOT / r).is_dir()))
def test_every_package_lists_what_it_offers(room):
    module = importlib.import_module(f"skinzoo.{room}")
    assert module.__all__ == sorted(module.__all__, key=lambda n: (not n.isupper(), n.islower(), n))
    assert all(hasattr(module, name) for name in module.__all__)


def test_importing_is_light_and_changes_nothing(tmp_path):
    code = """
import json, os, random, sys, warnings
state = random.getstate(); environment = dict(os.environ)
import skinzoo
dir(skinzoo)
heavy = {"torch", "timm", "pandas", "numpy", "torchvision", "albumentations", "matplotlib", "PIL"} & set(sys.modules)
print(json.dumps([sorted(heavy), random.getstate() == state, dict(os.environ) == environment]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        env={"PYTHONPATH": str(ROOT.parent)},
    )
    assert json.loads(done.stdout) == [[], True, True]
    assert not done.stderr
    assert not list(tmp_path.iterdir())


def test_version_stands_in_the_changelog():
    changelog = ROOT.parent / "CHANGELOG.md"
    if not changelog.exists():
        pytest.skip("the changelog is not part of the wheel")
    assert f"## {skinzoo.__version__}" in changelog.read_text("utf-8")
