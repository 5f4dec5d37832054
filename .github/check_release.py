"""Checks that a tag may be released: `python .github/check_release.py v0.1.0` prints the section of the changelog.

The tag, the version, the newest section of the changelog and the citation file have to agree.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def check(tag: str, root: Path) -> str:
    """The changelog's section of a release.

    Args:
        tag: Such as `v0.1.0`.
        root: The root of the repository.

    Raises:
        SystemExit: Something does not agree; every mismatch is named.
    """
    version = _only(r'__version__ = "([^"]+)"', root / "skinzoo" / "__init__.py")
    cited = _only(r"version: (\S+)", root / "CITATION.cff"), _only(r"date-released: (\S+)", root / "CITATION.cff")
    _, *sections = re.split(r"^## ", (root / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    heading, _, body = (sections or [""])[0].partition("\n")
    found = re.fullmatch(r"(\S+) - (\d{4}-\d\d-\d\d)", heading.strip())
    problems = []
    if tag != f"v{version}":
        problems.append(f"the tag is {tag}, and the version in skinzoo/__init__.py {version}")
    if found is None or found[1] != version:
        problems.append(f"CHANGELOG.md begins with {heading.strip()!r} instead of '{version} - YYYY-MM-DD'")
    elif cited != found.groups():
        problems.append(f"CITATION.cff has {' of '.join(cited)}, and CHANGELOG.md {' of '.join(found.groups())}")
    if not body.strip():
        problems.append("the newest section of CHANGELOG.md is empty")
    if problems:
        sys.exit("this is no release yet:\n- " + "\n- ".join(problems))
    return f"## {heading}\n{body.rstrip()}"


def _only(pattern: str, path: Path) -> str:
    """What the pattern's group matches on the one line that it fits."""
    found = re.findall(f"^{pattern}$", path.read_text("utf-8"), re.MULTILINE)
    if len(found) != 1:
        sys.exit(f"{path.name} has {len(found)} lines of the form {pattern}, want one")
    return str(found[0])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(check(sys.argv[1], Path(__file__).parents[1]))
