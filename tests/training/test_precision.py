"""`precision="auto"`: bf16 where the device has instructions for it."""

import pytest
import torch
from toy import toy_run

from skinzoo.errors import ConfigError
from skinzoo.training import TrainConfig, precision
from skinzoo.training.precision import computes_bf16, processor_flags, resolve_precision

CPU = torch.device("cpu")


@pytest.fixture
def cpuinfo(tmp_path, monkeypatch):
    """Writes what Linux says of the processor."""
    precision._processor_computes_bf16.cache_clear()
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")
    yield (tmp_path / "cpuinfo").write_text
    precision._processor_computes_bf16.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model name\t: X\nflags\t\t: fpu avx2 avx512f avx512_bf16 sse2\n\nflags\t\t: fpu\n", "bf16"),
        ("flags : fpu amx_bf16\n", "bf16"),
        ("Features\t: fp asimd bf16 sve\n", "bf16"),
        ("flags : fpu avx2 avx512f avx512vl avx512_vnni\n", "fp32"),
        ("bf16 : yes\nflags : fpu\n", "fp32"),
        ("", "fp32"),
    ],
)
def test_auto_follows_the_processor(text, expected, cpuinfo):
    cpuinfo(text)
    assert resolve_precision("auto", CPU) == expected


def test_a_system_that_does_not_tell_gets_fp32(cpuinfo):
    assert processor_flags() == set()
    assert resolve_precision("auto", CPU) == "fp32"


def test_what_is_asked_for_is_taken(cpuinfo):
    cpuinfo("flags : fpu\n")
    assert [resolve_precision(p, CPU) for p in ("fp32", "bf16", "fp16")] == ["fp32", "bf16", "fp16"]


def test_other_devices(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **given: asked.append(given) or True)
    assert computes_bf16(torch.device("cuda"))
    assert asked == [{"including_emulation": False}]
    assert not computes_bf16(torch.device("mps"))


def test_auto_is_the_run_that_it_stands_for(cpuinfo, tmp_path):
    cpuinfo("flags : avx512_bf16\n")
    automatic = toy_run(tmp_path / "auto", precision="auto")
    half = toy_run(tmp_path / "bf16", precision="bf16")
    assert automatic == half
    cpuinfo("flags : avx2\n")
    precision._processor_computes_bf16.cache_clear()
    assert toy_run(tmp_path / "other", precision="auto") == toy_run(tmp_path / "fp32", precision="fp32") != half


def test_unknown():
    with pytest.raises(ConfigError, match=r"unknown precision 'bf8'; use 'auto', 'fp32'"):
        TrainConfig(precision="bf8")
