"""Batches are gathered in one piece of memory; samples made one by one and stacked are the slow twin."""

import dataclasses

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.datasets import collating, make_loader
from skinzoo.datasets.collating import Rows, collate
from skinzoo.datasets.loading import TransformedView
from skinzoo.errors import ConfigError
from skinzoo.transforms import Transform, create_augmentation
from skinzoo.types import IGNORE_INDEX, NO_MASK, InputSpec, Sample

SPEC = InputSpec(size=(24, 20))


@pytest.fixture(scope="module")
def plain():
    """Ten drawn pictures; the first, the fourth and so on have no mask, every fifth no label."""
    whole = skinzoo.load_dataset("synthetic", num_images=10, size=32)
    masks, labels = whole.records.masks.copy(), whole.records.labels.copy()
    masks[::3], labels[::5] = "", IGNORE_INDEX
    records = dataclasses.replace(whole.records, masks=masks, labels=labels)
    return skinzoo.SkinDataset(whole.info, records, whole.label_space, whole.source)


@pytest.fixture(scope="module")
def cached(plain, tmp_path_factory):
    return plain.cache(tmp_path_factory.mktemp("fast"), (24, 20), progress=False)


def missing(masks):
    return masks.isnan() if masks.is_floating_point() else masks == NO_MASK


@pytest.mark.parametrize("kind", ["plain", "cached"])
@pytest.mark.parametrize("output", ["uint8", "float32"])
@pytest.mark.parametrize(("augmentation", "workers"), [("none", 0), ("light", 0), ("strong", 1)])
def test_a_gathered_batch_is_what_its_samples_are(request, kind, output, augmentation, workers):
    data = request.getfixturevalue(kind)
    transform = Transform(SPEC, create_augmentation(augmentation), seed=2, output=output)
    loader = make_loader(data, transform, batch_size=4, num_workers=workers)
    seen = 0
    for batch in loader:
        rows = range(seen, seen + len(batch.ids))
        single = [transform(data[row], epoch=0, index=row) for row in rows]
        assert torch.equal(batch.images, torch.stack([s.image for s in single]))
        assert batch.ids == [s.id for s in single]
        assert batch.labels.tolist() == [IGNORE_INDEX if s.label is None else s.label for s in single]
        for mask, sample in zip(batch.masks, single, strict=True):
            assert missing(mask).all() if sample.mask is None else torch.equal(mask, sample.mask)
        nearest = torch.channels_last if output == "uint8" else torch.contiguous_format
        assert batch.images.is_contiguous(memory_format=nearest)
        seen += len(batch.ids)
    assert seen == len(data)


def test_pictures_after_the_first_are_made_in_the_batchs_own_memory(plain):
    given = []

    class Watched(Transform):
        def __call__(self, sample, *, epoch=0, index=0, out=None):
            given.append(None if out is None else out.ctypes.data)
            return super().__call__(sample, epoch=epoch, index=index, out=out)

    (batch,) = make_loader(plain, Watched(SPEC, output="uint8"), batch_size=10)
    first, step = batch.images.data_ptr(), 24 * 20 * 3
    assert given == [None, *(first + k * step for k in range(1, 10))]


@pytest.mark.parametrize("heeds", [True, False])
def test_a_transform_need_not_use_the_memory_it_is_offered(plain, heeds):
    def own(sample, *, epoch, index, out=None):
        if heeds and out is not None:
            out[:] = index
            return Sample(sample.id, torch.from_numpy(out).permute(2, 0, 1))
        return Sample(sample.id, torch.full((3, 4, 5), index, dtype=torch.uint8).contiguous())

    def shaped(sample, *, epoch, index, out=None):
        made = own(sample, epoch=epoch, index=index, out=out)
        image = made.image.permute(1, 2, 0).contiguous().permute(2, 0, 1) if out is None else made.image
        return dataclasses.replace(made, image=image)

    (batch,) = make_loader(plain, shaped, batch_size=10)
    assert batch.images.flatten(1).unique(dim=1).flatten().tolist() == list(range(10))
    assert batch.masks is None


def test_a_transform_of_ones_own_is_given_arrays_of_its_own(cached):
    def careless(sample, *, epoch, index):
        sample.image[:] = index
        if sample.mask is not None:
            sample.mask[:] = 1
        return Sample(sample.id, torch.from_numpy(sample.image).float().permute(2, 0, 1).contiguous())

    before = [s.image.copy() for s in cached]
    (batch,) = make_loader(cached, careless, batch_size=10)
    assert batch.images.flatten(1).unique(dim=1).flatten().tolist() == list(range(10))
    assert all(np.array_equal(a, s.image) for a, s in zip(before, cached, strict=True))


def test_only_a_transform_that_promises_not_to_write_sees_the_map_itself(cached):
    given = []

    class Watched(Transform):
        def __call__(self, sample, **options):
            given.append((sample.image.flags.writeable, sample.mask is not None and sample.mask.flags.writeable))
            return super().__call__(sample, **options)

    class Distrusted(Watched):
        takes_views = False

    list(make_loader(cached, Watched(SPEC, output="uint8"), batch_size=5))
    assert set(given) == {(False, False)}
    given.clear()
    list(make_loader(cached, Distrusted(SPEC, output="uint8"), batch_size=5))
    assert set(given) == {(True, True), (True, False)}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_in_a_worker_the_memory_is_shared_from_the_beginning(monkeypatch, dtype):
    samples = [Sample(str(k), torch.full((4, 5, 3), k, dtype=dtype).permute(2, 0, 1)) for k in range(3)]
    samples[1].mask = torch.ones(1, 4, 5, dtype=dtype)
    here = collate(samples)
    assert not here.images.is_shared()
    monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda: "a worker")
    there = collate(samples)
    assert there.images.is_shared()
    assert there.masks.is_shared()
    assert torch.equal(there.images, here.images)
    assert there.images.stride() == here.images.stride()
    assert torch.equal(there.masks.nan_to_num(9), here.masks.nan_to_num(9))


@pytest.mark.parametrize("worker", [None, "a worker"])
def test_memory_is_pinned_where_that_is_asked_for_and_never_in_a_worker(monkeypatch, worker):
    asked, empty = [], torch.empty

    def noting(*args, pin_memory=False, **options):
        asked.append(pin_memory)
        return empty(*args, **options)

    monkeypatch.setattr(torch, "empty", noting)
    monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda: worker)
    for pinned in (False, True):
        rows = Rows(1, pinned=pinned)
        rows.add(Sample("a", torch.zeros(3, 4, 4), mask=torch.zeros(1, 4, 4)))
    assert asked == ([False, False, True, True] if worker is None else [])


@pytest.mark.parametrize(("wanted", "there"), [(False, True), (True, False), (True, True)])
def test_a_loader_pins_only_for_a_gpu(plain, monkeypatch, wanted, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    view = make_loader(plain, Transform(SPEC), batch_size=2, pin_memory=wanted).dataset
    assert isinstance(view, TransformedView)
    assert view.pinned is (wanted and there)


def test_what_does_not_fit_together_is_refused():
    bytes_, floats = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 4)
    with pytest.raises(ConfigError, match=r"images of one batch differ in type: a torch.uint8, b torch.float32"):
        collate([Sample("a", bytes_), Sample("b", floats)])
    masks = [None, torch.zeros(1, 4, 4), torch.zeros(1, 4, 5)]
    with pytest.raises(ConfigError, match=r"masks of one batch differ in size: s1 \(1, 4, 4\), s2 \(1, 4, 5\)"):
        collate([Sample(f"s{k}", floats, mask=mask) for k, mask in enumerate(masks)])
    with pytest.raises(ConfigError, match="a: the transform returned the mask as ndarray; a tensor is expected"):
        collate([Sample("a", floats, mask=np.zeros((4, 4)))])


def test_metadata_is_encoded_in_the_order_of_the_rows():
    samples = [Sample(str(k), torch.zeros(3, 2, 2), metadata={"age": k}) for k in range(3)]
    batch = collating.collate(samples, lambda rows: torch.tensor([[float(r["age"])] for r in rows]))
    assert batch.metadata.flatten().tolist() == [0, 1, 2]
