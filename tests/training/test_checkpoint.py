"""Checkpoints on disk: whatever happens while one is written, a valid one is there, and a damaged one is never used."""

import errno
import json
import os
import resource
import shutil
import signal

import pytest
import torch
from forked import in_a_fork

from skinzoo import files
from skinzoo.errors import CheckpointDamagedError, CheckpointWriteError
from skinzoo.training import checkpoint as module
from skinzoo.training.checkpoint import Checkpoint, CheckpointStore


def state(step):
    return Checkpoint(
        step,
        {
            "model/weight": torch.full((3, 5), float(step)),
            "model/count": torch.tensor(step),
            "half": torch.ones(2).bfloat16(),
        },
        {"loss": float("nan"), "lr": 0.1 + 0.2, "huge": float("inf"), "text": "Übung", "rows": [{"z": 1, "a": 2}]},
    )


def same(found, step):
    wanted = state(step)
    assert found.step == step
    assert set(found.tensors) == set(wanted.tensors)
    assert all(
        torch.equal(found.tensors[k], v) and found.tensors[k].dtype == v.dtype for k, v in wanted.tensors.items()
    )
    assert repr(found.values) == repr(wanted.values), "also the order of keys, NaN and the last bit of a float"
    return True


def test_what_was_saved_comes_back(tmp_path):
    store = CheckpointStore(tmp_path / "c")
    assert store.newest() is None
    path = store.save(state(7))
    assert same(store.newest(), 7)
    assert same(store.load(path), 7)


def test_rotation(tmp_path):
    store = CheckpointStore(tmp_path, keep=2)
    for step in (1, 2, 3, 2):
        store.save(state(step))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "000003.json",
        "000003.safetensors",
        "000004.json",
        "000004.safetensors",
    ]
    assert same(store.newest(), 2), "the newest is the last written, not the highest step"


def test_the_new_one_is_verified_before_the_old_one_goes(tmp_path, monkeypatch):
    store = CheckpointStore(tmp_path, keep=1)
    store.save(state(1))
    honest = module.save_tensors

    def corrupting(path, tensors, metadata=None):
        honest(path, {k: v + 1 if v.is_floating_point() else v for k, v in tensors.items()}, metadata)
        return path

    monkeypatch.setattr(module, "save_tensors", corrupting)
    with pytest.raises(CheckpointWriteError, match=r"came back different"):
        store.save(state(2))
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="manifest is missing"):
        assert same(store.newest(), 1)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) - 5] ^= 4
    path.write_bytes(data)


def zero_a_page(path):
    data = bytearray(path.read_bytes())
    data[-4096:] = bytes(min(4096, len(data)))
    path.write_bytes(data)


def change_a_number(path):
    path.write_text(path.read_text().replace('"lr": 0.30000000000000004', '"lr": 0.3'))


DAMAGE = {
    "tensors truncated": (".safetensors", truncate, "sha256"),
    "tensors empty": (".safetensors", empty, "sha256"),
    "a bit flipped": (".safetensors", flip_a_bit, "sha256"),
    "a page zeroed": (".safetensors", zero_a_page, "sha256"),
    "tensors missing": (".safetensors", os.remove, "tensors are missing"),
    "manifest truncated": (".json", truncate, "manifest is damaged"),
    "manifest missing": (".json", os.remove, "manifest is missing"),
    "manifest changed": (".json", change_a_number, "changed or damaged"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_one_is_passed_over_by_name(damage, tmp_path):
    suffix, harm, said = DAMAGE[damage]
    store = CheckpointStore(tmp_path)
    store.save(state(1))
    newest = store.save(state(2))
    harm(newest.with_suffix(suffix))
    with pytest.warns(
        UserWarning, match=rf"000002\.safetensors: [^.]*{said}[\s\S]*Going on from .*000001\.json \(step 1\)"
    ):
        assert same(store.newest(), 1)
    with pytest.raises(CheckpointDamagedError, match=said):
        store.load(newest)
    store.save(state(3))
    assert same(store.newest(), 3)


def test_none_that_is_whole(tmp_path):
    store = CheckpointStore(tmp_path)
    for step in (1, 2):
        flip_a_bit(store.save(state(step)).with_suffix(".safetensors"))
    with pytest.raises(
        CheckpointDamagedError, match=r"000002\.safetensors: [\s\S]*000001\.safetensors: [\s\S]*overwrite=True"
    ):
        store.newest()


def test_a_newer_format_is_named(tmp_path):
    store = CheckpointStore(tmp_path)
    path = store.save(state(1))
    head = json.loads(path.read_text()) | {"format": 99}
    path.write_text(json.dumps(head))
    with pytest.raises(CheckpointDamagedError, match="format 99 and this version of skinzoo reads format 1"):
        store.newest()


def calls(store, monkeypatch):
    """Names of the system's calls that change the disk, in the order in which `save` makes them."""
    made = []
    for owner, name in ((os, "fsync"), (os, "replace"), (os, "unlink")):
        honest = getattr(owner, name)

        def noting(*args, _honest=honest, _name=name, **kwargs):
            what = _name
            if _name == "fsync":
                what = "fsync folder" if os.path.isdir(f"/proc/self/fd/{args[0]}") else "fsync file"  # noqa: PTH112
            made.append(what)
            return _honest(*args, **kwargs)

        monkeypatch.setattr(owner, name, noting)
    store.save(state(1))
    monkeypatch.undo()
    return made


def test_files_reach_the_disk_before_their_names_do(tmp_path, monkeypatch):
    made = [c for c in calls(CheckpointStore(tmp_path), monkeypatch) if c != "unlink"]
    assert made == ["fsync file", "replace", "fsync folder"] * 2 + ["fsync folder"]


FAILPOINTS = [(name, when, nth) for name in ("fsync", "replace") for when in ("before", "after") for nth in (1, 2)]


@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize(
    ("call", "when", "nth"), [*FAILPOINTS, ("unlink", "before", 1), ("unlink", "after", 1), ("unlink", "after", 2)]
)
def test_a_process_that_dies_while_writing(call, when, nth, keep, tmp_path):
    """The process ends at one system call; the next one finds the new checkpoint or the one before."""
    store = CheckpointStore(tmp_path, keep=keep)
    store.save(state(1))
    store.save(state(2))

    def die_while_saving():
        honest, count = getattr(os, call), [0]

        def dying(*args, **kwargs):
            count[0] += 1
            if count[0] == nth and when == "before":
                os._exit(137)
            result = honest(*args, **kwargs)
            if count[0] == nth:
                os._exit(137)
            return result

        setattr(os, call, dying)
        store.save(state(3))

    assert in_a_fork(die_while_saving) in (0, 137)
    with pytest.warns(UserWarning, match="passed over") if _is_partial(tmp_path) else _nothing():
        found = store.newest()
    assert same(found, found.step)
    assert found.step in (2, 3)
    store.save(state(4))
    assert same(store.newest(), 4)
    assert not list(tmp_path.glob(".*")), "what was half written is cleaned away"


def _is_partial(folder):
    stems = {p.stem for p in folder.glob("*.safetensors")} | {p.stem for p in folder.glob("*.json")}
    newest = max(stems)
    return not all((folder / f"{newest}{suffix}").exists() for suffix in (".safetensors", ".json"))


class _nothing:  # noqa: N801 - reads like a context manager
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def test_a_write_that_breaks_off_half_way(tmp_path, monkeypatch):
    store = CheckpointStore(tmp_path, keep=1)
    store.save(state(1))

    def half(path, tensors, metadata=None):
        with files.atomic_path(path) as temporary:
            temporary.write_bytes(b"x" * 10)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "save_tensors", half)
    with pytest.raises(
        CheckpointWriteError, match=r"No space left.*It needs 72 bytes, [\d,]+ are free.*free some space"
    ):
        store.save(state(2))
    assert same(store.newest(), 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000001.json", "000001.safetensors"]


def test_a_real_limit_of_the_system(tmp_path):
    """RLIMIT_FSIZE stands for a full disk or a quota; in a child process, because it cannot be taken back."""
    store = CheckpointStore(tmp_path, keep=1)
    store.save(state(1))

    def save_too_much():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        with pytest.raises(CheckpointWriteError, match="20,000 bytes"):
            store.save(Checkpoint(2, {"large": torch.zeros(5000)}, {}))

    assert in_a_fork(save_too_much) == 0
    assert same(store.newest(), 1)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointWriteError, match="check the folder's permissions"):
        CheckpointStore(tmp_path / "file" / "checkpoints").save(state(1))


def test_clear(tmp_path):
    store = CheckpointStore(tmp_path / "c")
    store.save(state(1))
    store.clear()
    assert store.newest() is None
    assert not shutil.os.path.exists(tmp_path / "c")
