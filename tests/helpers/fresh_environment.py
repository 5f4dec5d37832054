"""A virtual environment with a wheel in it and nothing of the checkout: whoever reaches for that is written down."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_GUARD = """
import os, sys

_FORBIDDEN, _LOG = {forbidden!r}, {log!r}

def _watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.path.join(os.path.abspath(os.fsdecode(arguments[0])), "")
        if not path.startswith(_FORBIDDEN):
            return
    elif event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        path = arguments[1 if event == "socket.connect" else 0]
    else:
        return
    with open(_LOG, "a") as log:
        log.write(f"{{event}} {{path}}\\n")
    raise RuntimeError(f"not from here: {{event}} {{path}}")

sys.addaudithook(_watch)
"""


class FreshEnvironment:
    """An environment of its own that sees the packages of the running one, but no editable install of it.

    Opening a forbidden file and looking up a host are errors in it, and recorded even if the program catches them.

    Args:
        folder: Where it is made; it must not exist.
        wheel: The only thing that is installed.
        forbidden: Files and folders that no program of the environment may open.
    """

    def __init__(self, folder: Path, wheel: Path, forbidden: Iterable[Path]) -> None:
        self.folder, self._log = folder, folder / "reached.log"
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        (folder / "home").mkdir()
        self._bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.run("python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
        self.packages = Path(self.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
        ours = sysconfig.get_paths()
        prefixes = {f"{at}{os.sep}" for path in forbidden for at in (path.absolute(), path.resolve())}
        guard = _GUARD.format(forbidden=tuple(sorted(prefixes)), log=str(self._log))
        (self.packages / "_guard.py").write_text(guard, "utf-8")
        # Lines of a .pth file become folders on the path; .pth files inside those, editable installs too, are not read.
        lines = ["import _guard", *dict.fromkeys([ours["purelib"], ours["platlib"]])]
        (self.packages / "others.pth").write_text("\n".join(lines) + "\n", "utf-8")

    def run(self, program: str, *arguments: str, cwd: Path | None = None, fails: bool = False) -> str:
        """What a program of the environment prints.

        Args:
            program: Its name, such as `python`.
            *arguments: Passed to it.
            cwd: Its working folder.
            fails: It must fail; what it complains of is returned.
        """
        keep = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT"}}
        own = {"HOME": str(self.folder / "home"), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "COLUMNS": "100"}
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            cwd=cwd or self.folder,
            env=keep | own | {"NO_ALBUMENTATIONS_UPDATE": "1"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode != 0) == fails, f"{program} {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stderr if fails else done.stdout

    def reached(self) -> list[str]:
        """What was reached for since the last call, and must not be."""
        found = self._log.read_text("utf-8").splitlines() if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return found
