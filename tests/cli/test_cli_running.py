"""What every command has in common: status, errors, streams, speed of the help."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import skinzoo
from skinzoo.cli import build_parser, models
from skinzoo.cli.parsing import parsers

ROOT = Path(skinzoo.__file__).parents[1]
COMMANDS = sorted(parsers())


def run_process(*arguments, **settings):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings.pop("environment", {})}
    return subprocess.run(
        [sys.executable, "-m", "skinzoo", *map(str, arguments)],
        capture_output=True,
        env=environment,
        timeout=120,
        **settings,
    )


def test_version(cli):
    assert cli("--version") == (0, f"skinzoo {skinzoo.__version__}\n", "")


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_has_an_example_and_fits_80_columns(cli, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = cli(*([command] if command else []), "--help")
    assert done.status == 0
    assert not done.err
    assert "example" in done.out
    assert f"  skinzoo {command or 'predict'} " in done.out or f"  skinzoo {command}\n" in done.out
    assert max(map(len, done.out.splitlines())) < 80
    assert done.out.isascii()


def test_examples_of_the_help_are_commands_that_are_understood(cli):
    import shlex

    for parser in parsers().values():
        for line in parser.epilog.replace("\\\n", "").splitlines()[1:]:
            words = shlex.split(line)
            assert words[0] == "skinzoo"
            parsed = build_parser().parse_args(words[1:])
            assert parsed.command == words[1]


def test_help_imports_nothing_heavy():
    code = """
import sys
from skinzoo.cli import main
codes = [main(["--help"]), main(["--version"]), main(["predict"])]
from skinzoo.cli.parsing import parsers
codes += [main([name, "--help"]) for name in parsers()]
heavy = {"torch", "timm", "numpy", "pandas", "PIL", "huggingface_hub", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
assert codes == [0, 0, 2] + [0] * len(parsers()), codes
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "usage: skinzoo"),
        (("modles",), "invalid choice: 'modles'"),
        (("models", "--tsak", "segmentation"), "unrecognized arguments"),
        (("models", "--task", "detection"), "invalid choice: 'detection'"),
        (("predict", "here"), "the following arguments are required: PICTURES"),
        (("models", "--js"), "unrecognized arguments: --js"),
        (("audit", "synthetic", "--option", "size"), "'size' is not NAME=VALUE"),
        (("audit", "synthetic", "--option", "root=x"), "'root' is given to the command itself"),
    ],
)
def test_wrong_usage_is_2(cli, arguments, says):
    done = cli(*arguments)
    assert done.status == 2
    assert says in done.err
    assert not done.out


def test_an_error_is_one_line_and_1(cli):
    done = cli("models", "resnet51")
    assert done.status == 1
    assert not done.out
    assert done.err.startswith("error: unknown model 'resnet51'; did you mean")
    assert done.err.count("\n") == 1
    assert cli("models", "resnet51", "--json") == done, "no document instead of an answer"


def test_where_an_error_arose_is_shown_on_demand(cli, monkeypatch):
    assert "Traceback" in (shown := cli("models", "resnet51", "--traceback").err)
    assert shown.splitlines()[-1].startswith("error: unknown model")
    monkeypatch.setenv("SKINZOO_DEBUG", "0")
    assert "Traceback" not in cli("models", "resnet51").err
    monkeypatch.setenv("SKINZOO_DEBUG", "1")
    assert "Traceback" in cli("models", "resnet51").err


def test_an_operating_system_error_has_no_traceback(cli, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "answers.csv")

    monkeypatch.setattr(skinzoo, "list_models", full)
    done = cli("models")
    assert (done.status, done.out) == (1, "")
    assert done.err == "error: [Errno 28] No space left on device: 'answers.csv'\n"


def test_a_defect_of_the_program_is_not_hidden(cli, monkeypatch):
    monkeypatch.setattr(skinzoo, "list_models", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli("models")


def test_interrupted_is_130(cli, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(skinzoo, "list_models", interrupt)
    assert cli("models") == (130, "", "interrupted\n")


def test_what_libraries_print_and_warn_of_is_no_answer(cli, monkeypatch):
    import logging
    import warnings

    def chatty(*_, **__):
        print("loading ...")
        warnings.warn("the disk is slow", UserWarning, stacklevel=1)
        logging.getLogger("skinzoo.hub").info("fetching commit abc")
        return ["simple_cnn"]

    monkeypatch.setattr(skinzoo, "list_models", chatty)
    done = cli("models", "--json")
    assert [entry["name"] for entry in done.json] == ["simple_cnn"]
    assert done.err.splitlines() == ["loading ...", "warning: the disk is slow", "fetching commit abc"]
    log = logging.getLogger("skinzoo")
    assert not log.handlers, "and everything is as before"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
def test_a_reader_that_leaves_is_no_traceback():
    script = f'"{sys.executable}" -m skinzoo datasets --json | head -c 1; exit ${{PIPESTATUS[0]}}'
    for k in range(2):
        done = subprocess.run(
            ["bash", "-c", script if k else script.replace(" --json", "")],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert not done.stderr
        assert len(done.stdout) == 1
        assert done.returncode in (0, 1), "0 where all fitted into the pipe before the reader had left"


def test_a_closed_pipe_is_1(monkeypatch):
    from skinzoo.cli import main

    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["datasets"]) == 1
        print("what is printed later goes nowhere")


def test_text_that_the_terminal_cannot_show_is_escaped(cli, monkeypatch):
    """In a process with the standard output in ASCII, which Python refuses to write other letters to."""
    code = """
import sys
from skinzoo.cli import main, models
from skinzoo.types import Task
import skinzoo
class Entry:
    task, summary, options = Task.CLASSIFICATION, "Gr\\u00f6\\u00dfe \\u2264 3 \\x1b[31mred", []
skinzoo.list_models = lambda *a, **k: ["n\\u00e4vus"]
skinzoo.model_info = lambda name: Entry
sys.exit(main(["models", *sys.argv[1:]]))
"""
    for encoding in ("ascii", "cp1252"):
        environment = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
        text = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
        document = subprocess.run(
            [sys.executable, "-c", code, "--json"], env=environment, capture_output=True, check=True
        ).stdout
        assert b"\x1b" not in text
        assert ("n\\xe4vus" if encoding == "ascii" else "nävus") in text.decode(encoding)
        assert "\\u2264 3 \\x1b[31mred" in text.decode(encoding)
        assert json.loads(document)[0]["name"] == "nävus"


def test_as_a_module_and_with_an_error_in_a_process():
    done = run_process("datasets", "ham1000", environment={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"error: unknown dataset 'ham1000'; did you mean 'ham10000'?{os.linesep}"
    done = run_process("datasets", "synthetic", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["licence"] == "MIT"


def test_every_command_can_answer_in_json():
    for name, parser in parsers().items():
        assert parser.get_default("run").__module__ == f"skinzoo.cli.{name}"
        assert {"--json", "--traceback"} <= set(parser._option_string_actions)
    assert models.run is parsers()["models"].get_default("run")
