"""Archives as their makers pack them, and as somebody hostile would."""

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from skinzoo.archives import SCRATCH, unpack
from skinzoo.errors import ArchiveError

FILES = {"X/X/ISIC_0000001.jpg": b"\xff\xd8" + bytes(range(256)), "X/table.csv": b"image,MEL\n", "X/empty": b""}


@pytest.fixture(autouse=True)
def synced(monkeypatch):
    calls = []
    monkeypatch.setattr(os, "sync", lambda: calls.append(1), raising=False)
    return calls


def make_zip(path, files=FILES, **options):
    with zipfile.ZipFile(path, "w", options.pop("method", zipfile.ZIP_DEFLATED)) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path, members=FILES, mode="w:gz"):
    """`members` are contents by name, or TarInfos."""
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member, io.BytesIO(b"x" * member.size))
                continue
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(members[member]), 0o4000  # setuid and unreadable
            archive.addfile(info, io.BytesIO(members[member]))
    return path


def entry(name, kind=tarfile.REGTYPE, size=0, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive, folder, code="ARCHIVE_UNSAFE", match=None, **limits):
    """Unpacking raises, names the archive, and leaves the world as it was."""
    before = sorted(str(p) for p in folder.parent.rglob("*"))
    with pytest.raises(ArchiveError, match=match) as caught:
        unpack(archive, folder, **limits)
    assert caught.value.code == code, caught.value
    assert str(archive) in str(caught.value)
    assert sorted(str(p) for p in folder.parent.rglob("*")) == before


MAKERS = {
    "zip": make_zip,
    "zip stored": lambda p: make_zip(p, method=zipfile.ZIP_STORED),
    **{f"tar{m[1:]}": lambda p, m=m: make_tar(p, mode=m) for m in ("w", "w:gz", "w:bz2", "w:xz")},
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_packed_comes_out(tmp_path, synced, kind):
    archive = MAKERS[kind](tmp_path / "named_wrongly.bin")
    out = tmp_path / "a" / "out"
    assert unpack(archive, out) == [out / name for name in FILES]
    assert tree(out) == FILES
    assert synced, "content must be on the disk before it gets its name"
    (tmp_path / "plain").touch()
    assert {stat.S_IMODE(p.stat().st_mode) for p in out.rglob("*") if p.is_file()} == {
        stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    }
    (tmp_path / "folder").mkdir()
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "folder").stat().st_mode)
    assert not list(tmp_path.rglob(f"{SCRATCH}*"))


def test_harmless_oddities(tmp_path):
    members = [entry("./", tarfile.DIRTYPE), entry("./d", tarfile.DIRTYPE), entry("./d/f", size=3)]
    unpack(make_tar(tmp_path / "a.tar", members, "w"), tmp_path / "out")
    assert tree(tmp_path / "out") == {"d/f": b"xxx"}
    long = {f"{'n' * 200}/{'m' * 200}.jpg": b"1"}
    for archive in (make_tar(tmp_path / "b.tar", long), make_zip(tmp_path / "b.zip", long)):
        unpack(archive, tmp_path / "out")
    assert len(tree(tmp_path / "out")) == 2
    assert unpack(make_zip(tmp_path / "c.zip", {}), tmp_path / "none") == []


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/evil", "//host/share/evil", "C:\\evil", "C:evil", "./C:/evil", "..\\evil", "a\\b"],
)
@pytest.mark.parametrize("maker", [make_zip, make_tar])
def test_paths_that_leave_the_folder(tmp_path, maker, name):
    refused(maker(tmp_path / "a", {"good": b"1", name: b"2"}), tmp_path / "in" / "out", match="member")


def test_nul_in_a_name(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"good.jpg#.exe": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"#", b"\0"))
    refused(archive, tmp_path / "out", match="NUL")


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ([entry("l", tarfile.SYMTYPE, link="/etc"), entry("l/passwd", size=1)], "a symbolic link to '/etc'"),
        ([entry("l", tarfile.LNKTYPE, link="../../x")], "a hard link to '../../x'"),
        ([entry("p", tarfile.FIFOTYPE)], "neither a plain file nor a folder"),
        ([entry("d", tarfile.CHRTYPE)], "neither a plain file nor a folder"),
        ([entry("s", tarfile.GNUTYPE_SPARSE, size=0)], "neither a plain file nor a folder"),
        ([entry("a", size=1), entry("a", size=2)], "'a': its name stands there twice"),
        ([entry("a", size=1), entry("./a", size=2)], "its name stands there twice"),
        ([entry("Img/A.jpg"), entry("Img/a.JPG")], "'Img/A.jpg' and 'Img/a.JPG' are one name"),
        ([entry("img/a.jpg"), entry("IMG/b.jpg")], "'img' and 'IMG' are one name"),
        ([entry("e\u0301"), entry("\u00e9")], "are one name"),
        ([entry("a"), entry("a/b")], "'a' is a file and a folder"),
        ([entry("a/b"), entry("a")], "'a' is a file and a folder"),
        ([entry(".")], "a file without a name"),
    ],
)
def test_hostile_tar_members(tmp_path, members, what):
    refused(make_tar(tmp_path / "a.tgz", [entry("good"), *members]), tmp_path / "out", match=what)


def zip_entry(name, mode=0, data=b"x"):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info, data


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ([zip_entry("l", stat.S_IFLNK | 0o777, b"/etc"), zip_entry("l/x")], "'l': a symbolic link"),
        ([zip_entry("p", stat.S_IFIFO)], "neither a file nor a folder"),
        ([zip_entry("d", stat.S_IFDIR)], "neither a file nor a folder"),
        ([zip_entry("A"), zip_entry("a")], "'A' and 'a' are one name"),
        ([zip_entry("a"), zip_entry("./a")], "its name stands there twice"),
    ],
)
def test_hostile_zip_members(tmp_path, entries, what):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    refused(tmp_path / "a.zip", tmp_path / "out", match=what)


def central(archive, offset, layout, *values, nth=0):
    """Overwrite fields of the nth entry in a zip's list of members."""
    data = bytearray(archive.read_bytes())
    at = -1
    for _ in range(nth + 1):
        at = data.index(b"PK\x01\x02", at + 1)
    struct.pack_into(layout, data, at + offset, *values)
    archive.write_bytes(data)
    return archive


def test_encrypted_and_unknown_compression(tmp_path):
    refused(central(make_zip(tmp_path / "a.zip"), 8, "<H", 1), tmp_path / "out", match="encrypted")
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        archive = make_zip(tmp_path / f"{method}.zip", method=method)
        refused(archive, tmp_path / "out", "ARCHIVE_UNSUPPORTED", match=f"zip method {method}.*7-Zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("size", [1, 100, 5000])
def test_zip_sizes_that_lie(tmp_path, method, size):
    archive = central(make_zip(tmp_path / "a.zip", {"a": b"123" * 500}, method=method), 24, "<I", size)
    refused(archive, tmp_path / "out", "ARCHIVE_DAMAGED", match="'a'")


def test_overlapping_zip_members(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a": b"1" * 99, "b": b"1" * 99})
    refused(central(archive, 42, "<I", 0, nth=1), tmp_path / "out", match="overlaps another member")
    archive = central(make_zip(tmp_path / "b.zip", {"a": b"1" * 9}, method=0), 20, "<II", 2000, 2000)
    refused(archive, tmp_path / "out", "ARCHIVE_DAMAGED", match="reaches into the list")


def test_bombs(tmp_path):
    zeros = bytes(2 << 20)
    refused(make_zip(tmp_path / "a.zip", {"a": zeros}), tmp_path / "out", match="a bomb")
    refused(make_tar(tmp_path / "a.tgz", {"a": zeros}), tmp_path / "out", match="a bomb")
    hidden = {"a": os.urandom(200_000), "b": bytes(17 << 20)}  # harmless on the whole, but not that member
    refused(make_zip(tmp_path / "b.zip", hidden), tmp_path / "out", match="'b'.*a bomb")
    (tmp_path / "after_the_end.tgz").write_bytes(gzip.compress(bytes(8 << 20)))
    refused(tmp_path / "after_the_end.tgz", tmp_path / "out", match="a bomb", max_ratio=50)
    unpack(make_zip(tmp_path / "c.zip", {"a": bytes(1 << 20)}), tmp_path / "small enough to be harmless")


def test_limits(tmp_path, monkeypatch):
    for archive in (make_zip(tmp_path / "a.zip"), make_tar(tmp_path / "a.tgz")):
        refused(archive, tmp_path / "out", match="more than 2 members", max_members=2)
        refused(archive, tmp_path / "out", match="at most 267 are allowed", max_bytes=267)
        unpack(archive, tmp_path / "out", max_bytes=268, max_members=3)
    monkeypatch.setattr("shutil.disk_usage", lambda path: Free(267))
    refused(tmp_path / "a.zip", tmp_path / "out2", "DISK_FULL", match=r"unpacks to 268 bytes; 267 are free")


class Free:
    def __init__(self, free):
        self.free = free


@pytest.mark.parametrize("kind", MAKERS)
def test_cut_and_damaged_archives(tmp_path, kind):
    whole = MAKERS[kind](tmp_path / "whole").read_bytes()
    archive = tmp_path / "cut"
    end = 512 * 6 if kind == "tar" else len(whole)  # what follows the end mark of a tar is padding
    for size in (0, 3, 100, end // 2, end * 3 // 4, end - 1):
        archive.write_bytes(whole[:size])
        refused(archive, tmp_path / "out", "ARCHIVE_DAMAGED")
    if kind != "tar":  # which has no checksum over contents
        at = whole.index(b"\xff\xd8\x00\x01") if kind == "zip stored" else len(whole) // 3
        archive.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        refused(archive, tmp_path / "out", "ARCHIVE_DAMAGED")


def test_broken_tar_headers_do_not_pass_for_the_end(tmp_path):
    whole = bytearray(make_tar(tmp_path / "a.tar", {"a": b"1", "b": b"2"}, "w").read_bytes())
    whole[1024] ^= 0xFF
    (tmp_path / "a.tar").write_bytes(whole)
    refused(tmp_path / "a.tar", tmp_path / "out", "ARCHIVE_DAMAGED", match="bad checksum")
    with tarfile.open(tmp_path / "b.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * (2 << 20)}):
        pass
    refused(tmp_path / "b.tar", tmp_path / "out", "ARCHIVE_DAMAGED", match="extended header of 2")
    negative = bytearray(entry("a").tobuf())
    negative[124:136] = b"\xff" * 11 + b"\x00"
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    (tmp_path / "c.tar").write_bytes(bytes(negative) + bytes(1024))
    refused(tmp_path / "c.tar", tmp_path / "out", "ARCHIVE_DAMAGED", match="negative size")


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a").write_bytes(b"<!DOCTYPE html><title>Sign in</title>")
    refused(tmp_path / "a", tmp_path / "out", "ARCHIVE_DAMAGED", match="a web page")
    (tmp_path / "b").write_bytes(b"Rar!\x1a\x07")
    refused(tmp_path / "b", tmp_path / "out", "ARCHIVE_DAMAGED", match="neither a zip nor a tar")
    refused(tmp_path / "absent", tmp_path / "out", "FILE_UNREADABLE", match="No such file")


def test_a_folder_that_holds_something(tmp_path):
    out = tmp_path / "out"
    unpack(make_zip(tmp_path / "a.zip"), out)
    (out / "X" / "mine.txt").write_text("mine")
    unpack(make_zip(tmp_path / "b.zip", {**FILES, "X/X/new.jpg": b"new", "Y/y": b"y"}), out)
    assert tree(out) == {**FILES, "X/mine.txt": b"mine", "X/X/new.jpg": b"new", "Y/y": b"y"}
    other = make_zip(tmp_path / "c.zip", {"X/aaa": b"1", "X/table.csv": b"other"})
    refused(other, out, "ARCHIVE_CONFLICT", match=r"table\.csv is there already and differs")
    refused(make_zip(tmp_path / "d.zip", {"X": b"1"}), out, "ARCHIVE_CONFLICT")


def test_links_in_the_folder_are_not_written_through(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "X").symlink_to(elsewhere)
    refused(make_zip(tmp_path / "a.zip"), tmp_path / "out", "ARCHIVE_CONFLICT", match="is a symbolic link")
    assert not list(elsewhere.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    refused(make_zip(tmp_path / "a.zip"), tmp_path / "file", "FILE_UNWRITABLE")
    refused(tmp_path / "a.zip", tmp_path / "file" / "out", "FILE_UNWRITABLE")


def test_a_disk_that_fills_up(tmp_path, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", *a: real(Path("/dev/full"), "wb") if mode == "xb" else real(self, mode, *a)
    )
    refused(make_tar(tmp_path / "a.tgz"), tmp_path / "out", "DISK_FULL", match="is full")
