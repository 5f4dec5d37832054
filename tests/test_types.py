import json

import pytest

from skinzoo.errors import ConfigError
from skinzoo.types import InputSpec, Task


def test_input_spec_survives_json():
    spec = InputSpec(
        size=(128, 96), mean=(0, 0, 0), std=(1, 1, 1), interpolation="bicubic", crop="center", crop_fraction=0.8
    )
    assert InputSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    "bad",
    [
        {"size": (0, 10)},
        {"size": (10,)},
        {"size": (10**9, 10)},
        {"mean": (0.5,)},
        {"std": (1.0, 0.0, 1.0)},
        {"size": 224},
        {"size": ("a", "b")},
        {"mean": (124, 116, 104)},
        {"mean": (float("nan"), 0.5, 0.5)},
        {"std": (58.4, 57.1, 57.4)},
        {"mean": "abc"},
        {"crop_fraction": "1"},
        {"interpolation": "nearest"},
        {"crop": "random"},
        {"crop_fraction": 0.0},
    ],
)
def test_values_out_of_range_are_refused_by_name(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        InputSpec(**bad)


@pytest.mark.parametrize("bad", [{"colour": 1}, {"size": 7}, {"std": None}, {"crop_fraction": "x"}])
def test_from_dict_refuses_unknown_keys_and_wrong_types(bad):
    with pytest.raises(ConfigError):
        InputSpec.from_dict(bad)


def test_tasks_say_what_they_predict():
    assert [(t.has_labels, t.has_masks) for t in Task] == [(True, False), (False, True), (True, True)]
