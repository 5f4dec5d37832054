"""What is free by made-up files of the system, and what a picture takes by hand and by another count."""

import copy
import os

import pytest
import torch
from torch import nn

import skinzoo
from skinzoo.evaluation import memory
from skinzoo.evaluation.batching import UNMEASURED, fitting_batch_size
from skinzoo.evaluation.engines import forward_of
from skinzoo.evaluation.memory import free_bytes, is_out_of_memory, picture_bytes
from skinzoo.models import ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import InputSpec, ModelOutput, Task

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
GIB = 2**30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """`system({path: text})`: files below /proc and /sys/fs/cgroup, and none besides."""
    monkeypatch.setattr(memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return write


MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB"


def test_the_machines_memory(system):
    system({"proc/meminfo": MEMINFO})
    assert free_bytes(CPU) == 8 * GIB
    system({"proc/self/cgroup": "0::/a/job"})
    assert free_bytes(CPU) == 8 * GIB, "the group has no limit that could be read"
    system({"cgroup/a/job/memory.max": "max", "cgroup/a/job/memory.current": "5"})
    assert free_bytes(CPU) == 8 * GIB


def test_a_control_group_allows_less(system):
    system({"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/a/job"})
    system({"cgroup/a/job/memory.max": 4 * GIB, "cgroup/a/job/memory.current": 3 * GIB})
    assert free_bytes(CPU) == GIB
    system({"cgroup/a/job/memory.stat": f"anon 7\ninactive_file {GIB}\nactive_file 9"})
    assert free_bytes(CPU) == 2 * GIB, "pages of files give way"
    system({"cgroup/a/memory.max": 5 * GIB, "cgroup/a/memory.current": 4.5 * GIB})
    assert free_bytes(CPU) == 2 * GIB, "4831838208.0 is no number of bytes"
    system({"cgroup/a/memory.current": 9 * GIB // 2})
    assert free_bytes(CPU) == GIB // 2, "the group above allows less"
    system({"cgroup/a/memory.current": 6 * GIB})
    assert free_bytes(CPU) == 0


def test_a_container_sees_its_own_group_as_the_root(system):
    system({"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/"})
    system({"cgroup/memory.max": 2 * GIB, "cgroup/memory.current": GIB})
    assert free_bytes(CPU) == GIB


def test_control_groups_of_the_first_kind(system):
    system({"proc/meminfo": MEMINFO, "proc/self/cgroup": "9:cpu,cpuacct:/x\n4:memory:/docker/12\n0::/"})
    system({"cgroup/memory/memory.limit_in_bytes": 3 * GIB, "cgroup/memory/memory.usage_in_bytes": 2 * GIB})
    system({"cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 2}"})
    assert free_bytes(CPU) == 3 * GIB // 2


def test_systems_without_such_files(system, monkeypatch):
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__, raising=False)
    assert free_bytes(CPU) == 500 * 4096
    monkeypatch.delattr(os, "sysconf")
    assert free_bytes(CPU) is None
    assert free_bytes(torch.device("mps")) is None


def test_a_cuda_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 5 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2 * GIB)
    assert free_bytes(CUDA) == 13 * GIB


def test_this_machine():
    free = free_bytes(CPU)
    assert free is None or free > 0


class Chain(SkinModel):
    """Four planes a pixel twice over, then one, then the mean: everything is counted by hand."""

    def __init__(self, extra=False):
        super().__init__(ModelConfig("chain", Task.CLASSIFICATION, InputSpec(size=(16, 16)), ISIC2018))
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.ReLU(inplace=True), nn.Conv2d(4, 7, 1))
        self.extra, self.calls = extra, 0

    def predict_logits(self, images):
        self.calls += 1
        kept = images * 2 if self.extra else None
        return ModelOutput(self.body(images).mean((2, 3)) + (0 if kept is None else kept.sum()))


def test_the_largest_set_of_tensors_alive_at_once():
    plane = 4 * 16 * 16
    # the picture (3) stays; convolution and ReLU (4 + 4), then the second convolution beside what it takes (4 + 7)
    assert picture_bytes(Chain()) == pytest.approx((3 + 4 + 7) * plane, abs=64)
    assert picture_bytes(Chain(extra=True)) == pytest.approx((3 + 3 + 4 + 7) * plane, abs=64)


def test_weights_do_not_count():
    model = Chain()
    model.body = nn.Sequential(
        nn.AvgPool2d(16), nn.Flatten(), nn.Linear(3, 50_000), nn.Linear(50_000, 7), nn.Unflatten(1, (7, 1, 1))
    )
    assert picture_bytes(model) == pytest.approx(4 * (3 * 16 * 16 + 50_000), rel=0.01)


@pytest.mark.parametrize("name", ["resnet18_scratch", "unet_resnet18", "vit_tiny_patch16_224_scratch"])
def test_more_than_the_largest_layer_and_less_than_all_of_them(name):
    options = {"backbone_weights": None} if name.startswith("unet") else {}
    size = 224 if name.startswith("vit") else 64
    model = skinzoo.create_model(name, image_size=size, seed=0, **options).eval()
    found, made = picture_bytes(model), []
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if not list(module.children()):
            module.register_forward_hook(
                lambda _module, given, answer: made.append(answer.nbytes + sum(t.nbytes for t in given))
            )
    with torch.no_grad():
        twin(torch.zeros(1, 3, size, size))
    assert max(made) <= found < sum(made)


def test_the_model_does_not_hear_of_it():
    model = Chain().train()
    assert picture_bytes(model)
    assert model.calls == 0
    assert all(module.training for module in model.modules())
    assert picture_bytes(model, private=True)
    assert model.calls == 1
    assert model.training


def test_metadata_is_an_input_too():
    data = skinzoo.load_dataset("synthetic", num_images=20, size=32)
    encoder = skinzoo.MetadataEncoder.fit(data, columns=["skin_tone"])
    model = skinzoo.create_model("resnet18_metadata", metadata=encoder, backbone_weights=None, image_size=64, seed=0)
    assert picture_bytes(model) > 0


def test_what_is_not_measured():
    model = Chain()
    model.body.register_forward_hook(lambda *_: pytest.fail("the hook heard of the probe"))
    assert picture_bytes(model) is None
    assert fitting_batch_size(model, "auto") == UNMEASURED
    assert picture_bytes(Chain().to("meta")) is None

    class Particular(Chain):
        def predict_logits(self, images):
            raise ValueError("these pictures are all black")

    assert picture_bytes(Particular()) is None

    class Full(Chain):
        def predict_logits(self, images):
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        picture_bytes(Full())
    assert fitting_batch_size(Full(), "auto") == 1


def test_the_copy_that_will_answer_is_the_one_that_is_measured(monkeypatch):
    model = skinzoo.create_model("resnet18_scratch", image_size=64, seed=0).eval()
    fused = forward_of(model, "fused")
    seen = []
    monkeypatch.setattr(
        "skinzoo.evaluation.batching.picture_bytes", lambda model, private: seen.append((model, private))
    )
    fitting_batch_size(model, "auto", None, fused)
    fitting_batch_size(model, "auto", None, model)
    fitting_batch_size(model, "auto", None, lambda images: None)
    assert [(found is fused, private) for found, private in seen] == [(True, True), (False, False), (False, False)]
    assert picture_bytes(fused, private=True) < picture_bytes(model)


def test_the_peak_of_an_allocator(monkeypatch):
    """A made-up allocator: weights of 1000 bytes are there before; each pass takes 100 for each of two pictures."""
    happened = []
    model = Chain()
    taken = 2 * 3 * 16 * 16 * 4
    for name, value in [
        ("synchronize", None), ("memory_allocated", 1000 + taken), ("reset_peak_memory_stats", None),
        ("max_memory_allocated", 1000 + taken + 201),
    ]:  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, lambda device, name=name, value=value: (happened.append(name), value)[1])
    assert memory._peak_of_allocator(model) == (201 + taken + 1) // 2
    assert model.calls == 2
    assert happened[-3:] == ["reset_peak_memory_stats", "synchronize", "max_memory_allocated"]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        Exception("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 4194304"),
        MemoryError("std::bad_alloc"),
    ],
)
def test_words_for_full_memory(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("allocation of labels"), KeyError("x")])
def test_other_words(error):
    assert not is_out_of_memory(error)
