"""The oracle for what overlaps is `leakage_meter`, which compares the collections themselves."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import skinzoo
from skinzoo.datasets import LeakageWarning, Records, SkinDataset, concat, leakage_meter
from skinzoo.datasets.adapters import folder, ham10000, isic9, isic2018, isic2019, pad_ufes_20
from skinzoo.errors import ConfigError, LeakageError
from skinzoo.evaluation.overlap import check_overlap
from skinzoo.evaluation.recording import record_training, split_hash
from skinzoo.models.provenance import TrainingRecord, hashes_of
from skinzoo.taxonomy import ISIC2018


class Source:
    def __init__(self, name="x"):
        self.name = name

    def __repr__(self):
        return f"Source({self.name!r})"

    def read(self, image, mask, id):
        return np.full((32, 32, 3), 128, np.uint8), None


def collection(info, ids, groups=None, part="", **changes):
    labels = [i % 7 for i in range(len(ids))]
    keys = [str(i) for i in range(len(ids))]
    records = Records.build(ids, labels=labels, groups=groups, images=keys)
    return SkinDataset(replace(info, **changes), records, ISIC2018, Source(info.name), part=part)


def ids(*numbers, ending=""):
    return [f"ISIC_{n:07d}{ending}" for n in numbers]


@pytest.fixture(scope="module")
def model():
    return skinzoo.create_model("simple_cnn", image_size=32, seed=0)


@pytest.fixture
def trained(model):
    def make(train, val=None):
        model.training_record = record_training(train, val)
        return model

    return make


def allowed(model, dataset):
    with pytest.warns(LeakageWarning):
        return check_overlap(model, dataset, allow=True)


HAM = collection(ham10000.INFO, ids(1, 2, 3, 4), ["HAM_1", "HAM_1", "HAM_2", "HAM_3"], "train")


def test_the_record_describes_the_part():
    seen = record_training(HAM).training[0]
    assert (seen.collections, seen.part, seen.group) == (("ham10000",), "train", "lesion")
    assert (seen.num_images, seen.num_groups, seen.licence) == (4, 3, "CC BY-NC 4.0")
    assert seen.class_counts == HAM.class_counts()
    assert seen.title == HAM.info.title
    assert len(seen.image_hashes) == 4 * 8
    assert len(seen.group_hashes) == 3 * 8
    order = HAM.subset([2, 0, 3, 1])
    assert record_training(order).training[0] == seen
    assert seen.split_hash == split_hash(ids(4, 3, 2, 1)) != split_hash(ids(1, 2, 3))


def test_no_id_stands_in_the_record():
    text = str(record_training(HAM, HAM).to_dict())
    assert "ISIC_" not in text
    assert "HAM_" not in text


def test_training_that_goes_on_remembers_where_it_started():
    first = record_training(HAM)
    later = collection(pad_ufes_20.INFO, ["p"])
    both = record_training(later, earlier=first)
    assert [e.collections for e in both.training] == [("ham10000",), ("pad_ufes_20",)]
    assert record_training(HAM, earlier=first) == first


@pytest.mark.parametrize("value", [None, "ham10000", HAM.subset([])])
def test_a_part_without_images_has_no_record(value):
    with pytest.raises(ConfigError, match="no image that a model could be trained on"):
        record_training(value)


def test_no_record_no_check(model):
    model.training_record = None
    assert check_overlap(model, HAM) is None


def test_a_clean_test_part_passes(trained):
    test = collection(ham10000.INFO, ids(8, 9), ["HAM_8", "HAM_9"], "test")
    assert check_overlap(trained(HAM), test) is None
    assert check_overlap(trained(HAM), HAM.subset([])) is None


def test_the_refusal_says_what_to_do(trained):
    test = collection(ham10000.INFO, ids(3, 8, 2, 9, 10, 11, 12), ["HAM_2", "HAM_1", "HAM_1", *"abcd"], "test")
    with pytest.raises(LeakageError) as caught:
        check_overlap(trained(HAM), test)
    message = str(caught.value)
    assert (
        "simple_cnn was trained on 3 of the 7 images of ham10000[test], which show 2 lesions, 1 of them in" in message
    )
    assert "(such as 'ISIC_0000003', 'ISIC_0000008', 'ISIC_0000002')" in message
    assert "4 images of 3 lesions of HAM10000" in message
    assert "part train" in message
    for hint in ("dataset.split", "dataset.select", "allow_overlap=True"):
        assert hint in message
    assert "told by their names" not in message  # an id of the archive is no mere name


def test_only_five_ids_are_shown(trained):
    with pytest.raises(LeakageError, match=r"'ISIC_0000004' \.\.\.\)"):
        check_overlap(trained(data := collection(ham10000.INFO, ids(*range(20)))), data)


def test_an_allowed_overlap_is_measured(trained):
    test = collection(ham10000.INFO, ids(3, 8, 9, 10), ["HAM_2", "HAM_1", "a", "b"])
    found = allowed(trained(HAM), test)
    assert (found.images, found.groups, found.share, found.rows.tolist()) == (2, 2, 0.5, [0, 1])
    assert found.training.pictures == 1
    assert found.sentence() == (
        "the model was trained on 50.0 % (2 of 4) of these images or another of their lesions: the figures are too good"
    )
    values = found.to_dict()
    assert values["share"] == 0.5
    assert values["training"] | {"seen_in": ""} == {"images": 2, "same_pictures": 1, "groups": 2, "seen_in": ""}
    assert values["validation"]["images"] == 0


def test_what_chose_the_weights_is_a_warning(trained):
    val = collection(ham10000.INFO, ids(20, 21), ["HAM_20", "HAM_21"], "val")
    test = collection(ham10000.INFO, ids(21, 1, 30, 31), ["HAM_21", "HAM_1", "a", "b"])
    with pytest.warns(LeakageWarning, match=r"ham10000: the model's weights were chosen by 33.3 % \(1 of 3\) of"):
        found = check_overlap(trained(HAM, val), test.subset([0, 2, 3]))
    assert (found.images, found.share, found.validation.rows.tolist()) == (0, 0, [0])
    assert found.sentence().endswith("of their lesions: that flatters")
    both = allowed(trained(HAM, val), test)
    assert both.sentence() == (
        "the model was trained on 25.0 % (1 of 4) of these images or another of their lesions: the figures are too "
        "good; its weights were chosen by 25.0 % (1 of 4) of them or another of their lesions: that flatters, too"
    )


def test_it_warns_once_and_at_the_callers_line(trained):
    model = trained(HAM)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        check_overlap(model, HAM, allow=True)
    assert [w.category for w in seen] == [LeakageWarning]
    assert seen[0].filename == __file__


PAIRS = {
    "two collections of one archive": (isic2018.INFO, ids(1), ["x"], True),
    "another ending": (isic2019.INFO, ids(1, ending="_downsampled"), ["x"], True),
    "a copy": (isic9.INFO, ["ISIC_0000001(1)"], ["x"], True),
    "the lesion alone": (isic2019.INFO, ids(77), ["HAM_1"], True),
    "neither": (isic2019.INFO, ids(77), ["HAM_9"], False),
    "an archive id in a folder": (folder.INFO, ids(1, ending=".jpg"), None, True),
    "another id in a folder": (folder.INFO, ["IMG_0000001"], None, False),
    "a group of the same name elsewhere": (pad_ufes_20.INFO, ["PAT_1"], ["HAM_1"], False),
}


@pytest.mark.parametrize(("info", "names", "groups", "expected"), PAIRS.values(), ids=PAIRS)
def test_pictures_are_recognised_across_collections(trained, info, names, groups, expected):
    test = collection(info, names, groups)
    assert bool(leakage_meter(HAM, test).count) == expected
    if expected:
        assert allowed(trained(HAM), test).images == 1
    else:
        assert check_overlap(trained(HAM), test) is None


def test_an_image_is_recognised_whichever_way_its_group_was_named(trained):
    alone = collection(isic2019.INFO, ids(5))
    with_group = collection(isic9.INFO, ids(6), ids(5, ending="_downsampled"))  # a lesion called after its first image
    assert allowed(trained(alone), with_group).images == 1
    assert allowed(trained(with_group), alone).images == 1


def test_names_of_folders_mean_something_in_folders_only(trained):
    ours = collection(folder.INFO, ["1", "2"])
    assert check_overlap(trained(ours), collection(pad_ufes_20.INFO, ["1"], ["2"])) is None
    with pytest.raises(LeakageError, match=r"told by their names.*dataclasses.replace"):
        check_overlap(trained(ours), collection(folder.INFO, ["2", "3"]))
    assert check_overlap(trained(ours), collection(folder.INFO, ["2", "3"], name="clinic B")) is None


def test_a_patient_who_is_called_like_an_image_is_not_that_image(trained):
    train = collection(pad_ufes_20.INFO, ["12", "13"], ["40", "41"])
    test = collection(pad_ufes_20.INFO, ["14", "15"], ["12", "13"])
    assert check_overlap(trained(train), test) is None
    assert allowed(trained(train), collection(pad_ufes_20.INFO, ["14"], ["40"])).images == 1


def test_copies_that_a_folder_joined_are_known_by_their_group(trained):
    train, test = collection(folder.INFO, ["a"]), collection(folder.INFO, ["b"], ["a"])
    assert allowed(trained(train), test).images == 1
    assert allowed(trained(test), train).images == 1


def test_joined_collections_are_known_as_their_own(trained, tmp_path):
    local = collection(pad_ufes_20.INFO, ["ISIC_1", "q"], ["HAM_1", "HAM_2"])
    joined = concat(HAM, local)
    assert joined.records.groups.tolist()[4:] == ["pad_ufes_20/HAM_1", "pad_ufes_20/HAM_2"]
    others = collection(isic2019.INFO, ids(50, 60), ["HAM_1", "HAM_60"])
    for data in (joined, joined.cache(tmp_path, 32, workers=1)):
        seen = record_training(data).training[0]
        assert seen.collections == ("ham10000", "pad_ufes_20")
        assert allowed(trained(data), HAM).images == 4
        assert allowed(trained(data), local).images == 2
        assert allowed(trained(data), others).rows.tolist() == [0]
        assert allowed(trained(HAM), data).rows.tolist() == [0, 1, 2, 3]
        assert allowed(trained(local), data).rows.tolist() == [4, 5]
    assert record_training(joined).training[0].image_hashes == record_training(data).training[0].image_hashes


def test_two_folders_in_one_dataset(trained):
    one, two = collection(folder.INFO, ["a", "b"]), collection(folder.INFO, ["b", "c"])
    two.source = Source("elsewhere")
    joined = concat(one, two)
    assert record_training(joined).training[0].collections == ("folder",)
    assert allowed(trained(joined), two).images == 2


def test_painted_collections_of_another_seed_are_others(trained, tmp_path):
    def load(**options):
        return skinzoo.load_dataset("synthetic", num_images=14, **{"size": 32, **options})

    data = load()
    for other in (load(), load(size=64), data.cache(tmp_path / "a", 32, workers=1, progress=False)):
        assert allowed(trained(data), other).images == 14
        assert allowed(trained(other), data).images == 14
    for other in (load(seed=1), load(views_per_lesion=1), load(seed=1).cache(tmp_path / "b", 32, progress=False)):
        assert check_overlap(trained(data), other) is None
        assert check_overlap(trained(other), data) is None


def test_ids_that_are_no_unicode(trained):
    odd = collection(folder.INFO, ["caf\udce9", "b"])
    assert allowed(trained(odd), odd).images == 2


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_the_leakage_meter(trained, seed):
    rng = np.random.default_rng(seed)

    def draw(info, ending=""):
        numbers = rng.permutation(40)[:20]
        return collection(
            info, ids(*numbers, ending=ending), [f"HAM_{g}" if g else "" for g in rng.integers(0, 30, 20)]
        )

    train, test = draw(ham10000.INFO), draw(isic2019.INFO, "_downsampled")
    exposed = leakage_meter(train, test)
    assert test.records.ids[allowed(trained(train), test).rows].tolist() == list(exposed.ids)


def test_end_to_end(tmp_path):
    train, val, test = skinzoo.load_dataset("synthetic", num_images=84, size=32).split((0.5, 0.25, 0.25))
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    model.training_record = record_training(train, val)
    model.save_pretrained(tmp_path)
    loaded = skinzoo.create_model(f"local-dir:{tmp_path}")
    assert isinstance(loaded.training_record, TrainingRecord)
    assert check_overlap(loaded, test) is None
    with pytest.raises(LeakageError, match=f"trained on {len(train)} of the {len(train)} images of synthetic"):
        check_overlap(loaded, train)
    with pytest.warns(LeakageWarning, match="chosen by 100.0 %"):
        assert check_overlap(loaded, val).images == 0
    kept = loaded.training_record.training[0]
    assert len(kept.hashes) == len(train) + len(np.unique(train.records.groups))
    assert len(np.unique(hashes_of(["a", "b", "a"]))) == 2
