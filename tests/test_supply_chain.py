"""Nothing in the package can run what it loads, and importing it touches neither the network nor the disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from supply_chain import dangers

import skinzoo

ROOT = Path(skinzoo.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
EXAMPLES = sorted((ROOT.parent / "examples").glob("**/*.py"))

# -- reading the code -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*FILES, *EXAMPLES], ids=lambda p: str(p.relative_to(ROOT.parent)))
def test_no_file_can_run_what_it_loads(path):
    parts = path.relative_to(ROOT.parent).parts[1:]
    assert not dangers(path.read_text("utf-8"), room=parts[0], package=path.name == "__init__.py")


PLANTED = [
    "import torch; torch.load(f)",
    "import torch; torch.load(f, weights_only=False)",
    "import torch; torch.load(f, weights_only=safe)",
    "import torch; torch.load(f, weights_only=True)",  # elsewhere than in the one place
    "import torch as t; t.load(f)",
    "from torch import load; load(f)",
    "from torch import load as read; read(f, weights_only=True)",
    "import torch; load = torch.load",
    "import torch; getattr(torch, 'load')(f)",
    "import torch; torch.hub.load('a/b', 'c')",
    "from torch import hub",
    "from torch.hub import load_state_dict_from_url",
    "import torch; torch.jit.load(f)",
    "import torch; torch.export.load(f)",
    "import torch; torch.serialization.add_safe_globals([A])",
    "from torch.serialization import safe_globals",
    "import pickle",
    "import pickle as p",
    "from pickle import loads",
    "def f():\n    import pickle",
    "import joblib",
    "import dill.settings",
    "import marshal, json",
    "import shelve",
    "import yaml; yaml.load(s)",
    "import yaml; yaml.load(s, Loader=yaml.SafeLoader)",
    "from yaml import unsafe_load",
    "from yaml import full_load as read; read(s)",
    "import yaml; yaml.compose(s, Loader=yaml.UnsafeLoader)",
    "eval(s)",
    "exec(s)",
    "[eval][0](s)",
    "import builtins; builtins.exec(s)",
    "__import__(s)",
    "import importlib; importlib.import_module(s)",
    "import importlib; importlib.import_module(f'skinzoo.{s}')",
    "from importlib import import_module; import_module('pickle')",
    "from importlib import import_module as get; get(s)",
    "from importlib.util import spec_from_file_location; spec_from_file_location('a', s)",
    "import numpy as np; np.load(f, allow_pickle=True)",
    "import numpy as np; np.load(f, allow_pickle=wanted)",
    "import pandas as pd; pd.read_pickle(f)",
    "AutoModel.from_pretrained(n, trust_remote_code=True)",
    "load(**{'trust_remote_code': True})",
    "def __getattr__(name):\n    import importlib\n    return importlib.import_module(name)",
]


@pytest.mark.parametrize("source", PLANTED)
def test_a_planted_call_is_found(source):
    assert dangers(source)


@pytest.mark.parametrize(
    "source",
    [
        "model.eval(); re.compile(s); torch_load(f)",
        "import torch; torch.save(x, f); torch.nn.Module.load_state_dict(m, s); torch.export.export(m, a)",
        "import yaml; yaml.safe_load(s); yaml.safe_dump(s); yaml.compose(s, Loader=yaml.SafeLoader)",
        "import numpy as np; np.load(f, allow_pickle=False); json.load(f)",
        "from importlib import metadata, resources; metadata.version('torch')",
        "import importlib; importlib.import_module('captum.attr')",
        "from .pickle import own; from skinzoo.tensors import load_tensors as load; load(f)",
    ],
)
def test_what_is_harmless_is_not_found(source):
    assert not dangers(source)


def test_exceptions_hold_in_their_place_only():
    load = "import torch\ntorch.load(f, map_location='cpu', weights_only=True)"
    assert not dangers(load, room="interchange")
    assert dangers(load, room="models")
    for worse in (
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "read = torch.load",
        "torch.load(f, **options)",
    ):
        assert dangers(f"import torch\n{worse}", room="interchange")
    lazy = "from importlib import import_module\ndef {}(name):\n    return import_module(TABLE[name])"
    assert not dangers(lazy.format("__getattr__"), package=True)
    assert dangers(lazy.format("load"), package=True)
    assert dangers(lazy.format("__getattr__"), room="models")


# -- importing --------------------------------------------------------------------------------------------------------

WATCH = """
import json, os, sys
seen = []
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate",
           "os.utime", "os.putenv", "os.unsetenv", "os.system", "os.exec", "os.posix_spawn", "os.startfile",
           "subprocess.Popen", "pty.spawn", "urllib.Request", "http.client.connect", "webbrowser.open"}
def watch(event, args):
    if event == "open":
        path, mode, flags = args
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes and path != os.devnull:
            seen.append(f"open {path} {mode}")
    elif event in CHANGES or event.startswith(("socket.", "shutil.", "tempfile.", "ftplib.", "smtplib.")):
        seen.append(f"{event} {args!r:.100}")
sys.addaudithook(watch)
"""


def events(code: str, folder: Path) -> list:
    """What an own process did while it ran the code, in an empty home."""
    environment = {"PYTHONPATH": str(ROOT.parent), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder)}
    command = [sys.executable, "-c", f"{WATCH}\n{code}\nprint(json.dumps(seen))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("open('a', 'w').close()", "open a"),
        ("os.open('a', os.O_CREAT | os.O_WRONLY)", "open a"),
        ("os.mkdir('a')", "os.mkdir"),
        ("import socket; socket.socket()", "socket.__new__"),
        ("import tempfile; tempfile.mkdtemp()", "tempfile.mkdtemp"),
        ("import subprocess; subprocess.run([sys.executable, '-c', ''])", "subprocess.Popen"),
    ],
)
def test_the_watch_sees(tmp_path, code, event):
    assert any(event in found for found in events(code, tmp_path))


@pytest.mark.parametrize("module", ["skinzoo", "skinzoo.hub", "skinzoo.cli"])
def test_an_import_opens_no_socket_and_writes_no_file(tmp_path, module):
    code = f"import {module}\nassert 'huggingface_hub' not in sys.modules\nassert 'torch' not in sys.modules"
    assert events(code, tmp_path) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "code",
    ["import skinzoo.models", "from skinzoo.transforms.backend import load_albumentations; load_albumentations()"],
    ids=["models", "albumentations"],  # the second would ask for its newest version
)
def test_libraries_ask_nobody_when_they_are_imported(tmp_path, code):
    found = events(code, tmp_path)
    own = ("socket.__new__", "socket.bind")  # urllib3 tries whether there is IPv6
    talk = [event for event in found if event.startswith(("socket.", "http", "urllib"))]
    assert not [event for event in talk if not event.startswith(own)]
    assert not [event for event in found if str(ROOT) in event]
