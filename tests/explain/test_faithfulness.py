"""The sanity check and the summary; oracles are a model whose gaze is known, and the parts called by hand."""

import json

import numpy as np
import pytest
import torch
from corner import CornerModel, painted

import skinzoo
from skinzoo.errors import ConfigError, LabelError
from skinzoo.explain import energy_inside, explain_batch, faithfulness, pointing_game, sanity_check, spearman
from skinzoo.explain.judging import FIGURES
from skinzoo.explain.randomisation import layers_from_the_output, own_parameters, randomise, stage_bounds
from skinzoo.transforms import Transform


def edges(model, images, score, *, others):
    """A method that shows the picture and not the model."""
    return torch.nn.functional.pad(images.mean(1).diff(dim=2).abs(), (0, 1))


def small(name="simple_cnn", **options):
    return skinzoo.create_model(name, image_size=32, seed=0, **options)


class TestRandomWeights:
    @pytest.mark.parametrize("name", ["resnet18_scratch", "multitask", "vit_tiny_patch16_224_scratch"])
    def test_all_weights_change_by_a_seed_and_the_global_state_does_not(self, name):
        options = {} if name.startswith("vit") else {"image_size": 32}
        one, other, again = (skinzoo.create_model(name, backbone_weights=None, seed=3, **options) for _ in range(3))
        with torch.no_grad():
            for model in (one, other, again):
                for parameter in model.parameters():
                    parameter.add_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        trained = {k: v.clone() for k, v in one.state_dict().items()}
        state = torch.get_rng_state()
        randomise(one, layers_from_the_output(one), seed=0)
        randomise(other, layers_from_the_output(other), seed=0)
        randomise(again, layers_from_the_output(again), seed=1)
        assert torch.equal(state, torch.get_rng_state())
        for key, parameter in one.named_parameters():
            assert not torch.equal(parameter, trained[key]), f"{key} has not changed"
            assert torch.equal(parameter, other.get_parameter(key))
            assert torch.isfinite(parameter).all()
        assert any(not torch.equal(p, again.get_parameter(k)) for k, p in one.named_parameters())

    def test_every_parameter_belongs_to_one_layer_the_output_first(self):
        model = small("resnet18_scratch")
        layers = layers_from_the_output(model)
        assert layers[0].startswith("head")
        assert layers[-1] == "backbone.conv1"
        owned = [id(p) for name in layers for p in own_parameters(model, name)]
        assert sorted(owned) == sorted(id(p) for p in model.parameters())

    def test_stages(self):
        assert stage_bounds(7, 3) == [3, 5, 7]
        assert stage_bounds(7, 1) == [7]
        for wrong in (0, 8, 1.0, True):
            with pytest.raises(ConfigError, match="stages must be a whole number from 1 to 7"):
                stage_bounds(7, wrong)


class TestSanityCheck:
    def test_a_method_that_shows_the_picture_fails_it(self):
        check = sanity_check(small(), painted(["corner"] * 3), method=edges, stages=3, batch_size=2)
        np.testing.assert_allclose(check.spearman, np.ones((3, 3)))
        np.testing.assert_allclose(check.intersection, np.ones((3, 3)))

    @pytest.mark.parametrize("method", ["grad_cam", "saliency"])
    def test_maps_of_a_network_change_and_the_network_does_not(self, method):
        model = small("resnet18_scratch").train()
        before = {k: v.clone() for k, v in model.state_dict().items()}
        data = painted(["corner"] * 3)
        check = sanity_check(model, data, method=method, stages=4, batch_size=2)
        assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
        assert model.training
        assert check.spearman.shape == check.intersection.shape == (4, 3)
        assert np.nanmean(check.spearman[-1]) < 0.8
        assert check.shares[-1] == 1
        assert (np.diff(check.shares) > 0).all()
        assert check.layers[-1] == "backbone.conv1"
        again = sanity_check(model, data, method=method, stages=4, batch_size=3)
        np.testing.assert_allclose(check.spearman, again.spearman, atol=1e-3)

    def test_one_stage_by_hand(self):
        model, twin = small(), small()
        data = painted(["corner"] * 2)
        check = sanity_check(model, data, method="saliency", stages=1, seed=5)
        randomise(twin, layers_from_the_output(twin), seed=5)
        images = torch.stack([Transform(model.input_spec)(s).image for s in data])
        first = explain_batch(model, images, method="saliency")
        second = explain_batch(twin, images, method="saliency", goals=first.goals)
        expected = [spearman(a, b) for a, b in zip(first.maps, second.maps, strict=True)]
        np.testing.assert_allclose(check.spearman[0], expected)

    def test_exceptions_leave_the_weights_alone(self):
        model = small()
        before = {k: v.clone() for k, v in model.state_dict().items()}
        calls = []

        def broken(model, images, score, *, others):
            calls.append(1)
            if len(calls) > 1:
                raise RuntimeError("broken method")
            return images[:, 0].abs()

        with pytest.raises(RuntimeError, match="broken method"):
            sanity_check(model, painted(["corner"]), method=broken)
        assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())

    def test_what_is_printed_and_written(self):
        check = sanity_check(small(), painted(["corner"] * 3, broken=(1,)), method="saliency", stages=2)
        assert check.ids == ["P0", "P2"]
        text = str(check)
        assert text.startswith("saliency, 2 pictures")
        assert "100.0%" in text
        written = json.loads(json.dumps(check.to_dict()))
        assert written["failed"] == [{"id": "P1", "reason": "P1 is broken"}]
        assert written["spearman"] == pytest.approx(check.spearman.mean(1).tolist())


class TestFaithfulness:
    @pytest.mark.parametrize("method", ["grad_cam", "saliency", "integrated_gradients"])
    def test_a_model_that_looks_at_the_lesion(self, method):
        found = faithfulness(CornerModel(40.0), painted(["corner"] * 6), method=method, target=0, baseline="black")
        v = found.values
        assert v["pointing_game"] == v["energy_inside"] == 1
        assert v["mask_share"] == 0.25
        assert v["pointing_gain"] == v["energy_gain"] == 0.75
        assert v["deletion"] < v["deletion_control"]
        assert v["insertion"] > v["insertion_control"]
        assert found.intervals["deletion_gain"].low > 0
        assert not found.undefined
        assert list(found.table) == list(FIGURES)
        assert (found.zero_maps, found.failed) == (0, [])

    def test_a_model_that_looks_away_from_the_lesion(self):
        v = faithfulness(CornerModel(40.0), painted(["away"] * 4), target=0, baseline="black").values
        assert v["pointing_game"] == v["energy_inside"] == 0
        assert v["energy_gain"] == -0.25
        assert v["deletion_gain"] > 0, "the map is faithful: the model does look there"

    def test_equals_the_parts_by_hand(self):
        model, data = small(), painted(["corner", "", "away", "corner"], groups=["A", "A", "B", "C"])
        found = faithfulness(model, data, method="saliency", steps=3, batch_size=3)
        samples = [Transform(model.input_spec)(s) for s in data]
        maps = explain_batch(model, torch.stack([s.image for s in samples]), method="saliency").maps
        for i in (0, 2, 3):
            assert found.table["pointing_game"][i] == pointing_game(maps[i], samples[i].mask[0])
            assert found.table["energy_inside"][i] == pytest.approx(energy_inside(maps[i], samples[i].mask[0]))
        assert np.isnan(found.table["energy_inside"][1])
        assert found.values["energy_inside"] == pytest.approx(np.nanmean(found.table["energy_inside"]))
        assert found.undefined["pointing_game"] == "no lesion mask, or an empty one (in 1 of 4 pictures)"
        assert found.groups.tolist() == ["A", "A", "B", "C"]
        for kind in ("deletion", "insertion"):
            gain = found.table[f"{kind}_control"] - found.table[kind]
            np.testing.assert_allclose(found.table[f"{kind}_gain"], gain if kind == "deletion" else -gain)

    def test_intervals_are_drawn_by_lesion(self):
        """Six copies of two lesions are worth two lesions: the interval is as wide as theirs."""
        both = ["corner", "away"]
        few = faithfulness(CornerModel(), painted(both), target=0, steps=0)
        many = faithfulness(CornerModel(), painted(both * 6, groups=["A", "B"] * 6), target=0, steps=0)
        alone = faithfulness(CornerModel(), painted(both * 6), target=0, steps=0)
        assert few.intervals["pointing_game"] == many.intervals["pointing_game"] == (0, 1)
        low, high = alone.intervals["pointing_game"]
        assert 0.15 < low < 0.35
        assert 0.65 < high < 0.85
        one = faithfulness(CornerModel(), painted(["corner"] * 3, groups=["A"] * 3), target=0, steps=0)
        assert one.values["pointing_game"] == 1
        assert np.isnan(one.intervals["pointing_game"]).all()

    def test_no_masks_and_no_curves(self):
        found = faithfulness(small(), painted(["", ""]), steps=0)
        assert np.isnan([found.values[n] for n in ("pointing_game", "energy_inside", "mask_share")]).all()
        assert found.undefined["pointing_game"] == "no lesion mask, or an empty one (in all pictures)"
        assert "deletion" not in found.values
        assert "undefined: no lesion mask" in str(found)

    def test_zero_maps_are_counted_and_worth_chance(self):
        found = faithfulness(CornerModel(gain=0.0), painted(["corner"] * 3))
        assert found.zero_maps == 3
        assert found.values["pointing_game"] == 0.25
        assert "the map is zero everywhere" in found.undefined["energy_inside"]
        assert "one value only" in found.undefined["random_spearman"]
        assert "maps that are zero everywhere: 3" in str(found)

    def test_pictures_are_drawn_by_a_seed_and_broken_ones_listed(self):
        data = painted(["corner"] * 9, broken=(2,))
        first, again, other = (
            faithfulness(CornerModel(), data, max_images=4, steps=2, seed=s, target=0) for s in (0, 0, 3)
        )
        assert first.to_dict() == again.to_dict()
        assert len(first.ids) + len(first.failed) == 4
        assert first.ids != other.ids
        every = faithfulness(CornerModel(), data, steps=0)
        assert every.ids == [f"P{i}" for i in range(9) if i != 2]
        assert "pictures that could not be read: 1" in str(every)
        none = faithfulness(CornerModel(), painted(["corner"], broken=(0,)), steps=0)
        assert none.undefined["pointing_game"] == "no picture could be read"
        assert np.isnan(none.values["pointing_game"])

    def test_masks_and_metadata_models(self):
        model = small("unet_resnet18", backbone_weights=None)
        found = faithfulness(model, painted(["corner"] * 2), steps=2)
        assert found.values["mask_share"] == 0.25
        assert json.loads(json.dumps(found.to_dict()))["pictures"] == 2
        encoder = skinzoo.MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})
        model = small("resnet18_metadata", backbone_weights=None, metadata=encoder)
        assert np.isfinite(faithfulness(model, painted(["corner"] * 2), steps=2).values["deletion_gain"])

    @pytest.mark.parametrize(
        ("options", "error", "match"),
        [
            ({"max_images": 0}, ConfigError, "max_images must be a whole number of at least 1, got 0"),
            ({"steps": -1}, ConfigError, "steps must be a whole number of at least 0, got -1"),
            ({"seed": 1.5}, ConfigError, "seed must be a whole number"),
            ({"baseline": "white"}, ConfigError, "baseline must be one of"),
            ({"method": "lime"}, ConfigError, "method must be one of"),
            ({"target": "lesion"}, ConfigError, "predicts no mask"),
            ({"target": "MELL"}, LabelError, "MELL"),
            ({"batch_size": 0}, ConfigError, "batch_size"),
        ],
    )
    def test_bad_options(self, options, error, match):
        with pytest.raises(error, match=match):
            faithfulness(CornerModel(), painted(["corner"]), **options)

    def test_an_empty_collection(self):
        with pytest.raises(ConfigError, match=r"painted is empty"):
            faithfulness(CornerModel(), painted(["corner"]).subset([]))
