"""Batches that fit into memory, and those that do not: the memory is a stand-in throughout."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import skinzoo
from skinzoo.errors import ConfigError, OutOfMemoryError
from skinzoo.evaluation import batching
from skinzoo.evaluation.batching import FEW, UNMEASURED, Pieces, SmallerBatchWarning, fitting_batch_size, sparing
from skinzoo.models import ModelConfig, SkinModel
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import InputSpec, ModelOutput, Task

CPU = torch.device("cpu")
FULL = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory: you tried ..."),
    RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    MemoryError(),
)


class Greedy(SkinModel):
    """Answers by the picture's mean colours and its brightness, and has room for so many pictures at a time."""

    def __init__(self, room=10**9, error=FULL[0], size=(16, 16)):
        super().__init__(ModelConfig("greedy", Task.MULTITASK, InputSpec(size=size), ISIC2018))
        self.anchor = nn.Parameter(torch.zeros(1))
        self.room, self.error, self.calls = room, error, []

    def predict_logits(self, images):
        self.calls.append(len(images))
        if len(images) > self.room:
            raise self.error
        logits = images.mean((2, 3)) @ torch.arange(21.0).reshape(3, 7)
        return ModelOutput(logits, images.mean(1, keepdim=True))


@pytest.fixture(scope="module")
def pictures():
    return list(np.random.default_rng(0).integers(0, 256, (37, 20, 24, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def data():
    return skinzoo.load_dataset("synthetic", num_images=28, size=32)


@pytest.fixture
def memory(monkeypatch):
    """`memory(free, each)` in bytes: what is said to be free, and what a picture is said to take."""

    def set_to(free, each):
        monkeypatch.setattr(batching, "free_bytes", lambda device: free)
        monkeypatch.setattr(batching, "picture_bytes", lambda model, private: each)

    return set_to


@pytest.mark.parametrize(
    ("free", "each", "expected"),
    [
        (10**12, 10**6, 32),  # no more than gains anything
        (64 * 10**6, 10**6, 32),  # exactly half
        (64 * 10**6 - 1, 10**6, 16),
        (30 * 10**6, 10**6, 8),  # 15 fit: a power of two
        (2 * 10**6, 10**6, 1),
        (10**6, 10**6, 1),  # does not fit by half: it is tried all the same
        (0, 10**6, 1),
        (10**9, 0, 32),
        (None, 10**6, UNMEASURED),
        (10**9, None, UNMEASURED),
    ],
)
def test_half_of_the_free_memory(memory, free, each, expected):
    memory(free, each)
    assert fitting_batch_size(Greedy(), "auto") == expected
    assert fitting_batch_size(Greedy(), "auto", 16) == expected


def test_an_accelerator_takes_more(memory, monkeypatch):
    memory(10**12, 10**6)
    monkeypatch.setattr(Greedy, "device", torch.device("cuda", 0))
    assert fitting_batch_size(Greedy(), "auto") == 256


def test_a_number_is_taken_and_a_few_pictures_are_not_measured(monkeypatch):
    monkeypatch.delattr(batching, "picture_bytes")
    assert fitting_batch_size(Greedy(), 48) == 48
    assert fitting_batch_size(Greedy(), np.int64(3), 2) == 3
    assert fitting_batch_size(Greedy(), "auto", 15) == FEW
    with pytest.raises(NameError):
        fitting_batch_size(Greedy(), "auto", 16)


@pytest.mark.parametrize("bad", [0, -1, True, 2.0, "all", None, [8]])
def test_what_is_no_batch_size(bad, pictures, data, tmp_path):
    model = Greedy()
    message = r"batch_size must be a positive whole number or 'auto', got "
    for call in (
        lambda: skinzoo.predict(model, pictures, batch_size=bad),
        lambda: skinzoo.predict_all(model, pictures, batch_size=bad),
        lambda: skinzoo.predict_table(model, pictures, tmp_path / "a.csv", batch_size=bad),
        lambda: skinzoo.evaluate(model, data, batch_size=bad),
        lambda: skinzoo.calibrate(model, data, batch_size=bad),
        lambda: skinzoo.choose_operating_points(model, data, batch_size=bad),
        lambda: skinzoo.evaluate_across(model, [data], batch_size=bad),
        lambda: skinzoo.evaluate_robustness(model, data, batch_size=bad, progress=False),
        lambda: skinzoo.rank_unlabelled(model, data, batch_size=bad),
    ):
        with pytest.raises(ConfigError, match=message):
            call()
    assert (model.calls, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved(error):
    model = Greedy(5, error)
    images = torch.randn(21, 3, 16, 16)
    forward = sparing(model)
    with pytest.warns(SmallerBatchWarning, match=r"cpu has too little memory for 21 pictures .* with 5 at a time") as w:
        got = forward(images)
    assert len(w) == 1
    assert model.calls == [21, 10, 5, 5, 5, 5, 1]
    wanted = Greedy()(images)
    torch.testing.assert_close(got.logits, wanted.logits)
    torch.testing.assert_close(got.mask_logits, wanted.mask_logits)
    model.calls.clear()
    forward(images[:12])
    assert model.calls == [5, 5, 2], "what fitted is remembered"


def test_memory_that_shrinks_in_between_is_heard_of_once():
    model = Greedy(8)
    forward = sparing(model)
    with pytest.warns(SmallerBatchWarning):
        forward(torch.zeros(16, 3, 16, 16))
    model.room = 2
    model.calls.clear()
    assert len(forward(torch.zeros(16, 3, 16, 16)).logits) == 16
    assert model.calls == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def test_a_batch_that_fits_is_left_alone():
    model = Greedy()
    images = torch.randn(6, 3, 16, 16)
    for a, b in zip(sparing(model)(images), model(images), strict=True):
        assert torch.equal(a, b)
    assert model.calls == [6, 6]
    assert len(sparing(model)(images[:0]).logits) == 0


def test_all_inputs_are_cut_alike_and_what_is_missing_stays_missing():
    def forward(images, metadata):
        if len(images) > 2:
            raise FULL[0]
        return ModelOutput(images.sum((1, 2, 3))[:, None] + metadata, None)

    images, metadata = torch.randn(5, 3, 4, 4), torch.randn(5, 2)
    with pytest.warns(SmallerBatchWarning):
        got = sparing(forward)(images, metadata)
    torch.testing.assert_close(got.logits, images.sum((1, 2, 3))[:, None] + metadata)
    assert got.mask_logits is None


def test_not_even_one_picture():
    with pytest.raises(OutOfMemoryError, match=r"too little memory for a single picture: .* smaller image_size"):
        sparing(Greedy(0))(torch.zeros(4, 3, 16, 16))


def test_other_errors_are_not_hidden():
    model = Greedy(1, ValueError("no such thing"))
    with pytest.raises(ValueError, match="no such thing"):
        sparing(model)(torch.zeros(4, 3, 16, 16))
    assert model.calls == [4]


def test_what_a_failed_piece_made_is_let_go_before_the_next():
    alive = []

    class Held:
        def __del__(self):
            alive.remove(id(self))

    def work(part):
        held = Held()
        alive.append(id(held))
        assert len(alive) == 1, "the failed pass is still in memory"
        if part.stop - part.start > 2:
            raise MemoryError
        return part

    with pytest.warns(SmallerBatchWarning):
        assert Pieces().run(work, 8, CPU) == [slice(k, k + 2) for k in (0, 2, 4, 6)]


def answers(predictions):
    return np.array([list(p.probabilities.values()) for p in predictions]), np.stack([p.mask for p in predictions])


def test_predictions_are_the_same_whatever_fits(pictures, memory):
    memory(10**12, 10**6)
    wanted = answers(skinzoo.predict(Greedy(), pictures))
    for size in (1, 7, 64):
        np.testing.assert_allclose(answers(skinzoo.predict(Greedy(), pictures, batch_size=size))[0], wanted[0])
    model = Greedy(6)
    with pytest.warns(SmallerBatchWarning) as caught:
        got = answers(skinzoo.predict(model, pictures))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.calls == [32, 16, 8, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1]
    np.testing.assert_allclose(got[0], wanted[0])
    np.testing.assert_array_equal(got[1], wanted[1])


def test_predict_takes_what_fits(pictures, memory, tmp_path):
    memory(17 * 10**6, 10**6)
    for predicted in (
        lambda model: skinzoo.predict(model, pictures),
        lambda model: list(skinzoo.predict_all(model, pictures)),
        lambda model: skinzoo.predict_table(model, pictures, tmp_path / "a.csv", progress=False),
    ):
        predicted(model := Greedy())
        assert model.calls == [8, 8, 8, 8, 5]
    skinzoo.predict(model := Greedy(), pictures[:7])
    assert model.calls == [4, 3]


def test_large_pictures_end_a_batch_early(pictures, memory, monkeypatch):
    memory(10**12, 10**6)
    monkeypatch.setattr("skinzoo.evaluation.prediction._HELD", 5 * pictures[0].nbytes)
    skinzoo.predict(model := Greedy(), pictures[:17])
    assert model.calls == [5, 5, 5, 2]
    skinzoo.predict(model := Greedy(), pictures[:17], batch_size=10)
    assert model.calls == [10, 7], "a number is a number"


def test_heatmaps_have_their_own_pieces(pictures, memory, monkeypatch):
    memory(10**12, 10**6)
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    wanted = skinzoo.predict(model, pictures[:20], heatmaps=True, engine="plain", batch_size=1)
    explain_all, drawn = skinzoo.explain.explain_all, []

    def tight(model, group, batch_size):
        drawn.append(len(group))
        if len(group) > 6:
            raise FULL[1]
        return explain_all(model, group, batch_size=batch_size)

    monkeypatch.setattr(skinzoo.explain, "explain_all", tight)
    with pytest.warns(SmallerBatchWarning, match="with 4 at a time"):
        got = skinzoo.predict(model, pictures[:20], heatmaps=True, engine="plain")
    assert drawn == [16, 8, 4, 4, 4, 4, 4]
    for a, b in zip(wanted, got, strict=True):
        assert a.id == b.heatmap.id
        np.testing.assert_allclose(a.heatmap.heatmap, b.heatmap.heatmap, atol=1e-4)


def test_evaluations_are_the_same_whatever_fits(data, memory):
    memory(10**12, 10**6)
    wanted = skinzoo.evaluate(Greedy(), data, examples=0).outcome
    model = Greedy(10)
    with pytest.warns(SmallerBatchWarning) as caught:
        got = skinzoo.evaluate(model, data, examples=0).outcome
    assert (len(caught), model.calls) == (1, [28, 14, 7, 7, 7, 7])
    np.testing.assert_allclose(got.probabilities, wanted.probabilities)
    np.testing.assert_array_equal(got.mask_counts, wanted.mask_counts)
    assert got.ids == wanted.ids


def test_everything_that_scores_takes_what_fits(data, memory):
    memory(17 * 10**6, 10**6)
    for scored in (
        lambda model: skinzoo.evaluate(model, data, examples=0),
        lambda model: skinzoo.calibrate(model, data),
        lambda model: skinzoo.choose_operating_points(model, data),
        lambda model: skinzoo.evaluate_across(model, [data], resamples=20),
        lambda model: skinzoo.evaluate_robustness(
            model, data, corruptions=["motion_blur"], strengths=[1], resamples=20, progress=False
        ),
        lambda model: skinzoo.rank_unlabelled(model, data),
    ):
        model = Greedy()
        with warnings.catch_warnings():
            warnings.simplefilter("error", SmallerBatchWarning)
            scored(model)
        assert model.calls[:4] == [8, 8, 8, 4]
