"""The only place that opens a file of `torch.save`, and then for tensors alone.

A pickle is a program. PyTorch's restricted reader (`weights_only=True`) rebuilds tensors and plain containers and
refuses everything else; full unpickling is not possible here, whatever the file holds and whatever the process allows
elsewhere. PyTorch before 2.10 has a known hole in that reader (CVE-2026-24747), so nothing is opened with it.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from skinzoo.errors import UnsafeWeightsError, WeightsError

SAFE_TORCH = (2, 10)
SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".tar", ".pkl")
_OTHERS = {
    b"\x89HDF": "an HDF5 file, as Keras writes it",
    b"version https://git-lfs": "a Git-LFS pointer; run `git lfs pull`",
    b"<": "an HTML page: an expired link, or access was refused",
}
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of `torch.save` began before PyTorch 1.6."""
_REASON = re.compile(r"WeightsUnpickler error: ([^\n]{1,200})")
_GLOBAL = re.compile(r"(?:GLOBAL|global:?|class:?)\s+(?:GLOBAL\s+)?([A-Za-z_][\w.]*\.\w+)")


def read_checkpoint(path: Path, *, trusted: bool) -> Any:
    """What a file of `torch.save` holds, if that is tensors, numbers, texts and containers of them.

    Args:
        path: The file.
        trusted: True if the caller vouches for whoever made it.

    Raises:
        UnsafeWeightsError: Not vouched for, PyTorch is too old to be safe, or the file holds something else than data.
        WeightsError: No such file, or it is empty, damaged or of another kind.
    """
    _check_kind(path)
    if trusted is not True:
        raise UnsafeWeightsError(
            f"{path} is a file of torch.save, a pickle, and opening a pickle can run any code that its maker put in. "
            "Nothing was opened. Ask for a .safetensors file instead. If you know who made this one and that nobody "
            "changed it on the way, pass trusted=True, best in a container without network: it is then read with "
            "weights_only=True, which rebuilds tensors and nothing else."
        )
    if _torch_version() < SAFE_TORCH:
        raise UnsafeWeightsError(
            f"PyTorch {torch.__version__} has a known hole in reading such files (CVE-2026-24747), so {path} was not "
            f"opened. Convert it once with PyTorch {'.'.join(map(str, SAFE_TORCH))} or newer, and keep the result."
        )
    _check_format(path)
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()  # what the process allows elsewhere is not allowed here
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old files speak of storages that PyTorch is about to drop
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises whatever a broken pickle leads it to
        raise _refusal(path, error) from error
    finally:
        torch.serialization.add_safe_globals(allowed)


def _torch_version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])


def _check_kind(path: Path) -> None:
    """Refuse what is no checkpoint at all, trusted or not."""
    if not path.is_file():
        raise WeightsError(f"no file at {path}; expected a checkpoint ({', '.join(SUFFIXES)}) or .safetensors file.")
    start = _start(path)
    if not start:
        raise WeightsError(f"{path} is empty; download or copy it again.")
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise WeightsError(f"{path} is {what}; expected a checkpoint of PyTorch.")
    if not start.startswith((_ZIP, _PICKLE)):
        raise WeightsError(
            f"{path} is no checkpoint of PyTorch, or it is damaged: it begins with {start[:8]!r}. Download or copy it "
            "again; weights of other programs must be saved as safetensors."
        )


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _check_format(path: Path) -> None:
    """Make sure that `torch.save` wrote the file: an archive with stored tensors, or the format before PyTorch 1.6."""
    start = _start(path)
    if not start.startswith(_ZIP):
        if start.startswith(_LEGACY[: len(start)]):
            return
        raise UnsafeWeightsError(
            f"{path} is a plain pickle, not a file of torch.save, and is not opened. Where it was made, save the "
            f"weights alone: {_resave('pickle.load')}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise WeightsError(f"{path} is damaged or cut short ({error}); download or copy it again.") from error
    names = [entry.filename for entry in entries]
    inside = {name.split("/", 1)[-1] for name in names}
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        raise UnsafeWeightsError(
            f"{path} is a TorchScript archive: a program, not weights. Where it was made, save the weights alone: "
            f"{_resave('torch.jit.load')}"
        )
    if "data.pkl" not in inside:
        raise WeightsError(
            f"{path} is a zip archive that torch.save did not write (it holds {', '.join(names[:4])}); expected a "
            "checkpoint of PyTorch. Programs of torch.export (.pt2) and NumPy archives (.npz) are not read."
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise WeightsError(f"{path} is a compressed zip archive, which torch.save never writes; it was changed.")


def _refusal(path: Path, error: Exception) -> WeightsError:
    if classes := _foreign_classes(path, error):
        return UnsafeWeightsError(
            f"{path} holds more than tensors: objects of {', '.join(classes[:5])}"
            f"{' ...' if len(classes) > 5 else ''}. Rebuilding them means to run code of the file's choice, so it is "
            "refused. In the environment of the project that made it, where these classes are known, save the weights "
            f"alone and convert that file: {_resave('torch.load')}"
        )
    reason = _REASON.search(str(error))
    return WeightsError(
        f"{path} cannot be read ({reason[1] if reason else type(error).__name__}); it is damaged or cut short. "
        "Download or copy it again."
    )


def _resave(reader: str) -> str:
    return (
        f"old = {reader}('old.pth'); torch.save(old.state_dict(), 'weights.pth') for a whole model, or "
        "torch.save(old['state_dict'], 'weights.pth') for a dictionary that holds more."
    )


def _foreign_classes(path: Path, error: Exception) -> list[str]:
    """Names of the classes and functions that a file wants, without importing or calling any of them."""
    try:
        found = set(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # of the formats before PyTorch 1.6 it cannot list them
        found = set()
    return sorted(found or set(_GLOBAL.findall(str(error))), key=lambda name: (name.startswith("torch."), name))
