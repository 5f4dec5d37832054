"""Which file belongs to which id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from skinzoo.datasets.ids import composed
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import list_folders, one_of_each

MASK_ENDINGS = ("_segmentation", "_lesion", "_mask")

_MOST_HINTS = 20
_MOST_NAMES = 5000


def locate(ids: Sequence[str], files: Mapping[str, str], *, what: str = "image") -> tuple[list[str], list[Finding]]:
    """The file of each id, empty where there is none, and what is to be said about the files.

    An id matches a file if both are the same in Unicode's composed form (NFC).

    Args:
        ids: Of the images.
        files: Paths by the id that the file stands for, in composed form.
        what: The kind of file, for messages.

    Returns:
        A path for each id, and findings: `EXTRA_FILE` for each file of no id, `NAME_NORMALISED` for each id that its
        file writes otherwise.
    """
    names = [composed(i) for i in ids]
    known = set(names)
    findings = [
        Finding.of("EXTRA_FILE", "", path, f"no row of the table names this {what}", "kept")
        for stem, path in files.items()
        if stem not in known
    ]
    paths = [files.get(name, "") for name in names]
    for row, (name, path) in enumerate(zip(ids, paths, strict=True)):
        if path and not name.isascii() and name not in path:
            message = f"the {what}'s name is the same letters in another Unicode form"
            findings.append(Finding.of("NAME_NORMALISED", name, path, message, "kept", row=row))
    return paths, findings


def locate_masks(
    root: Path, folders: Iterable[Path], ids: Sequence[str], *, images: Iterable[str] = ()
) -> tuple[list[str], list[Finding]]:
    """The mask of each id, empty where there is none, and the masks of no id.

    A mask that is barred, such as a symbolic link out of the collection's folder, is not there either; nor is what is
    one of `images`, which may lie in the same folders.

    Raises:
        IntegrityError: Two different masks belong to one id; the code is `MASK_AMBIGUOUS`.
    """
    listing = list_folders(root, folders)
    others = {*listing.barred, *images}
    subjects = {f.path: subject_of(f.stem) for f in listing.images if f.path not in others}
    return locate(ids, one_of_each(root, listing, subjects, code="MASK_AMBIGUOUS"), what="mask")


def subject_of(stem: str) -> str:
    """The id of the picture that a mask file belongs to."""
    for ending in MASK_ENDINGS:
        if stem.lower().endswith(ending):
            return stem[: -len(ending)]
    return stem


def without_masks(files: Mapping[str, str], ids: Iterable[str]) -> dict[str, str]:
    """Those of the files that are not, by their names, masks of one of the ids, which may lie beside the images."""
    known = {composed(i) for i in ids}
    return {stem: path for stem, path in files.items() if stem in known or subject_of(stem) not in known}


def with_near_names(findings: Iterable[Finding], stems: Iterable[str], ids: Iterable[str]) -> list[Finding]:
    """The findings; a `FILE_MISSING` names the file of no id whose name is nearest, if one is near."""
    taken = {composed(i) for i in ids}
    free = [stem for stem in stems if stem not in taken]
    lowered = {stem.casefold(): stem for stem in free}
    left = _MOST_HINTS if len(free) <= _MOST_NAMES else 0  # comparing letter by letter takes long
    result = []
    for finding in findings:
        if finding.code == "FILE_MISSING" and not finding.path and free:
            if same := lowered.get(composed(finding.id).casefold()):
                finding = replace(finding, message=f"{finding.message}; {same!r} is there and differs by case only")
            elif left:
                left -= 1
                if near := get_close_matches(finding.id, free, n=1, cutoff=0.8):
                    finding = replace(finding, message=f"{finding.message}; {near[0]!r} is there: the same one?")
        result.append(finding)
    return result
