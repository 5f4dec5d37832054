"""The workflows: they test what the package claims, what they run exists, and they may do little."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
if not GITHUB.is_dir():
    pytest.skip("the workflows are not part of the sdist", allow_module_level=True)
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
TOOLS = {"ruff": "ruff", "mypy": "mypy", "mkdocs": "mkdocs", "pytest": "pytest", "hatchling": "hatchling"}
"""What a command needs in a dependency group."""


def loaded(name: str) -> dict:
    """A workflow; YAML 1.1 takes the key `on` for true."""
    return yaml.safe_load((GITHUB / "workflows" / f"{name}.yml").read_text("utf-8"))


def jobs() -> list[tuple[str, str, dict]]:
    return [(path.stem, name, job) for path in WORKFLOWS for name, job in loaded(path.stem)["jobs"].items()]


def runs(job: dict) -> list[str]:
    return [step["run"] for step in job.get("steps", ()) if "run" in step]


COMMANDS = [(f"{workflow}/{name}", job, line) for workflow, name, job in jobs() for line in runs(job)]
each_job = pytest.mark.parametrize(("workflow", "name", "job"), jobs(), ids=lambda v: v if isinstance(v, str) else "")
each_command = pytest.mark.parametrize(
    ("place", "job", "line"), COMMANDS, ids=lambda v: v if isinstance(v, str) else ""
)


# -- which versions ---------------------------------------------------------------------------------------------------


def test_versions_of_python_are_those_declared():
    tested = loaded("tests")["jobs"]["newest"]["strategy"]["matrix"]["python"]
    stated = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert tested == stated
    minors = [int(version.partition(".")[2]) for version in tested]
    assert minors == list(range(minors[0], minors[-1] + 1)), "none is left out"
    assert PROJECT["requires-python"] == f">={tested[0]}"


def test_lowest_versions_are_those_declared():
    job = loaded("tests")["jobs"]["lowest"]
    assert f">={python_of(job)}" == PROJECT["requires-python"]
    installs = [
        re.search(r"--resolution lowest-direct --editable '\.\[(.+)\]' --group (.+)", n) for n in runs(job)[::2]
    ]
    for (extras, group), name in zip((found.groups() for found in installs), ("test-core", "test"), strict=True):
        own = {extra for entry in entries(name) for extra in re.findall(r"skinzoo\[(.+)\]", entry)}
        assert group == name
        assert set(extras.split(",")) == {extra for text in own for extra in text.split(",")}, (
            "else they are not direct"
        )
    assert all("-W default" in line for line in runs(job)[1::2])


@each_job
def test_python_is_a_tested_one(workflow, name, job):
    if runs(job):
        tested = loaded("tests")["jobs"]["newest"]["strategy"]["matrix"]["python"]
        assert python_of(job) in [*tested, "${{ matrix.python }}"]


def python_of(job: dict) -> str:
    (version,) = (s["with"]["python-version"] for s in job["steps"] if "python-version" in s.get("with", {}))
    assert isinstance(version, str), "3.10 without quotes is 3.1"
    return version


# -- what is run ------------------------------------------------------------------------------------------------------


@each_command
def test_what_a_command_names_exists(place, job, line):
    words = shlex.split(line.partition(" >> ")[0])
    for path in (word for word in words if re.match(r"(tests|examples|docs|\.github)(/|$)", word)):
        assert (ROOT / path).exists(), path
    for group in re.findall(r"--group (\S+)", line):
        assert group in GROUPS
    for extra in re.findall(r"\.\[([\w,]+)\]", line):
        assert set(extra.split(",")) <= set(PROJECT["optional-dependencies"])
    for marker in re.findall(r'pytest .*-m "?([\w ]+)', line):
        declared = {text.partition(":")[0] for text in PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]}
        assert set(marker.split()) - {"or", "and", "not"} <= declared


@each_command
def test_what_a_command_needs_is_installed_before(place, job, line):
    tool = re.match(r"(?:python -m )?(\w+)", line)[1]
    if tool in TOOLS:
        earlier = runs(job)[: runs(job).index(line)]
        groups = [g for text in earlier for g in re.findall(r"--group (\S+)", text)]
        assert any(TOOLS[tool] in flat(group) for group in groups), f"{tool} is in none of {groups}"
    else:
        assert tool in {"uv", "uvx", "python", "echo"}


def flat(group: str) -> set[str]:
    """Names of the packages of a group and of those that it includes."""
    return {re.match(r"[\w-]+", entry)[0] for entry in entries(group)}


def entries(group: str) -> list[str]:
    """The requirements of a group and of those that it includes."""
    nested = (entries(e["include-group"]) if isinstance(e, dict) else [e] for e in GROUPS[group])
    return [entry for part in nested for entry in part]


def test_the_workflow_runs_what_the_gate_runs():
    gate = ROOT / ".ci" / "run"
    if not gate.is_file():
        pytest.skip("the gate is not here")
    ours = [line for _, name, job in jobs() if name in loaded("tests")["jobs"] for line in runs(job)]
    for tool in ("ruff check .", "ruff format --check .", "mypy", "mkdocs build --strict", "pytest -q -m slow"):
        assert tool in gate.read_text("utf-8")
        assert any(tool.replace(" -q", "") in line for line in ours), tool


# -- what is allowed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_may_read_and_knows_no_secret(path):
    text, workflow = path.read_text("utf-8"), loaded(path.stem)
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    assert not re.search(r"secrets\s*[.\[:]|pull_request_target|workflow_run|password|token:(?! write)", text)


@each_job
def test_a_job_may_no_more(workflow, name, job):
    publishes = (workflow, name) == ("release", "publish")
    assert job.get("permissions", {}) == ({"id-token": "write"} if publishes else {})
    assert "environment" not in job or publishes
    assert "uses" in job or job["timeout-minutes"] <= 60


@each_command
def test_no_text_from_outside_becomes_part_of_a_command(place, job, line):
    assert "${{" not in line


def test_actions_are_pinned_and_each_says_what_for():
    found = 0
    for path in WORKFLOWS:
        for line in path.read_text("utf-8").splitlines():
            if re.match(r"\s*(- )?uses: [^.]", line):
                assert re.fullmatch(r"\s*- uses: [\w-]+/[\w-]+@(v\d+|release/v\d+) # .+", line), line
                found += 1
    assert found > 5
    used = {step["uses"] for _, _, job in jobs() for step in job.get("steps", ()) if "uses" in step}
    assert len(used) == len({action.partition("@")[0] for action in used}), "one version of each"


@each_job
def test_a_checkout_leaves_no_credentials(workflow, name, job):
    for step in job.get("steps", ()):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


# -- the release ------------------------------------------------------------------------------------------------------


def test_only_tags_of_versions_are_released_after_all_tests():
    release = loaded("release")
    assert release[True] == {"push": {"tags": ["v*"]}}
    assert release["jobs"]["tests"] == {"uses": "./.github/workflows/tests.yml"}
    assert "workflow_call" in loaded("tests")[True]
    publish = release["jobs"]["publish"]
    assert publish["needs"] == ["tests", "build"]
    assert publish["environment"] == "release"
    assert not runs(publish), "nothing of the project runs where the identity is"
    assert release["concurrency"]["cancel-in-progress"] is False


def test_what_was_checked_is_what_is_published():
    build, publish = (loaded("release")["jobs"][name] for name in ("build", "publish"))
    lines = runs(build)
    order = ["check_release.py", "hatchling build -d dist", "twine check --strict dist/*", "tests/test_distribution.py"]
    at = [next(n for n, line in enumerate(lines) if part in line) for part in order]
    assert at == sorted(at)
    assert sum("build" in line for line in lines) == 1, "built once"
    (tested,) = (step for step in build["steps"] if "test_distribution" in step.get("run", ""))
    assert tested["env"] == {"SKINZOO_DIST": "dist"}
    assert '-m "slow or not slow"' in tested["run"]
    up, down = build["steps"][-1], publish["steps"][0]
    assert (up["uses"].partition("@")[0], up["with"]["path"]) == ("actions/upload-artifact", "dist/")
    assert (down["uses"].partition("@")[0], down["with"]["path"]) == ("actions/download-artifact", "dist/")
    assert up["with"]["name"] == down["with"]["name"]
    assert publish["steps"][1]["with"] == {"attestations": True}
    (setup,) = (step for step in build["steps"] if "setup-uv" in step.get("uses", ""))
    assert setup["with"]["enable-cache"] is False


@pytest.fixture(scope="module")
def checker():
    spec = importlib.util.spec_from_file_location("check_release", GITHUB / "check_release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ready(tmp_path):
    """A tree that may be released as v1.2.0."""
    (tmp_path / "skinzoo").mkdir()
    (tmp_path / "skinzoo" / "__init__.py").write_text('"""skinzoo."""\n\n__version__ = "1.2.0"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.0\ndate-released: 2027-02-03\n")
    changelog = "# Changelog\n\n## 1.2.0 - 2027-02-03\n\n- Something.\n\n## 1.1.0 - 2027-01-01\n\n- Older.\n"
    (tmp_path / "CHANGELOG.md").write_text(changelog)
    return tmp_path


def test_a_release_whose_parts_agree_gives_its_section(checker, ready):
    assert checker.check("v1.2.0", ready) == "## 1.2.0 - 2027-02-03\n\n- Something."


@pytest.mark.parametrize(
    ("tag", "file", "old", "new", "message"),
    [
        ("v1.3.0", None, "", "", r"the tag is v1\.3\.0, and the version in skinzoo/__init__\.py 1\.2\.0"),
        ("1.2.0", None, "", "", r"the tag is 1\.2\.0"),
        ("v1.2.0", "CHANGELOG.md", "## 1.2.0 - 2027-02-03", "## Unreleased", "begins with 'Unreleased' instead of"),
        ("v1.2.0", "CHANGELOG.md", "# Changelog\n", "# Changelog\n\n## Unreleased\n", "begins with 'Unreleased'"),
        ("v1.2.0", "CHANGELOG.md", "1.2.0 - 2027-02-03", "1.2.0", r"begins with '1\.2\.0' instead of"),
        ("v1.2.0", "CHANGELOG.md", "## 1.2.0 - 2027-02-03\n\n- Something.\n\n", "", r"begins with '1\.1\.0 - 2027"),
        ("v1.2.0", "CHANGELOG.md", "- Something.\n", "", "newest section of CHANGELOG.md is empty"),
        (
            "v1.2.0",
            "CITATION.cff",
            "released: 2027-02-03",
            "released: 2027-02-04",
            "2027-02-04, and CHANGELOG.md 1.2.0",
        ),
        (
            "v1.2.0",
            "CITATION.cff",
            "version: 1.2.0\ndate",
            "version: 1.1.0\ndate",
            r"CITATION\.cff has 1\.1\.0 of 2027",
        ),
        ("v1.2.0", "CITATION.cff", "version: 1.2.0\ndate", "date", r"CITATION\.cff has 0 lines of the form version"),
    ],
)
def test_a_mismatch_stops_the_release(checker, ready, tag, file, old, new, message):
    if file is not None:
        text = (ready / file).read_text()
        assert text.count(old) == 1
        (ready / file).write_text(text.replace(old, new))
    with pytest.raises(SystemExit, match=message):
        checker.check(tag, ready)


def test_all_mismatches_are_named_at_once(checker, ready):
    (ready / "CHANGELOG.md").write_text("# Changelog\n")
    with pytest.raises(SystemExit) as stopped:
        checker.check("v9", ready)
    assert str(stopped.value).count("\n- ") == 3
