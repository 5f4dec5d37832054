"""Every registered architecture can be published, and is the same when it comes back from the Hub."""

import huggingface_hub
import pytest
import torch
from carded import carded, drawn_parts, made_up_report, recorded

import skinzoo
from skinzoo.hub import HubOptions
from skinzoo.models import MetadataEncoder
from skinzoo.models.digest import weights_digest
from skinzoo.publishing import push_to_hub, replay_golden

METADATA = MetadataEncoder.from_dict({"columns": [{"name": "skin_tone", "mean": 3.0, "std": 1.5}]})


def build(name, **options):
    known = skinzoo.model_info(name).options
    if "backbone_weights" in known:
        options["backbone_weights"] = None
    if "metadata" in known:
        options["metadata"] = METADATA
    if "members" in known:
        options["members"] = [build("simple_cnn"), build("multitask_resnet18")]
    return skinzoo.create_model(name, seed=0, image_size=32, **options)


@pytest.fixture(scope="module")
def parts():
    return drawn_parts(num_images=84)


@pytest.mark.usefixtures("no_page")
@pytest.mark.parametrize("name", skinzoo.list_models())
def test_round_trip(name, parts, logged_in, tmp_path, monkeypatch):
    downloaded = []

    def noted(given, path):
        downloaded.append(given)
        return replay_golden(given, path)

    monkeypatch.setattr("skinzoo.publishing.verifying.replay_golden", noted)
    model = recorded(build(name), parts)
    done = push_to_hub(
        model,
        "tester/every",
        report=made_up_report(model, parts[2]),
        card=carded(model),
        hub=HubOptions(cache_dir=tmp_path / "unused"),
    )
    assert done.golden_difference <= 1e-4
    assert not (tmp_path / "unused").exists(), "it was verified in a cache of its own"
    assert huggingface_hub.ModelCard(done.card).data.license == "mit"
    assert f"| architecture | {name.replace('_', chr(92) + '_')}: " in done.card
    assert f"| parameters | {model.num_parameters():,} |" in done.card
    gets = logged_in.requests("GET .*/resolve/")
    assert len(gets) == len(done.files)
    assert all(f"/resolve/{done.revision}/" in str(entry) for entry in gets)
    (loaded,) = downloaded
    assert weights_digest(loaded) == weights_digest(model)
    assert loaded.config == model.config
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for ours, theirs in zip(model.eval()(images), loaded(images), strict=True):
            assert (ours is None and theirs is None) or torch.allclose(ours, theirs, atol=1e-6)
