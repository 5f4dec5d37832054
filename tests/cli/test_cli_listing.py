"""`skinzoo models`, `weights` and `datasets` say what the public functions say."""

import pytest

import skinzoo
from skinzoo.hub import records


def test_models(cli):
    listed = cli("models", "--json").json
    assert [entry["name"] for entry in listed] == skinzoo.list_models()
    assert {entry["name"]: entry["summary"] for entry in listed}["simple_cnn"] == skinzoo.model_info(
        "simple_cnn"
    ).summary
    text = cli("models").out
    assert max(map(len, text.splitlines())) < 80
    assert all(any(line.startswith(f"{name} ") for line in text.splitlines()) for name in skinzoo.list_models())


def test_models_by_task_and_pattern(cli):
    listed = cli("models", "--task", "segmentation", "--json").json
    assert [entry["name"] for entry in listed] == skinzoo.list_models(task="segmentation")
    listed = cli("models", "convnext_tiny*_head", "--json").json
    assert [entry["name"] for entry in listed] == skinzoo.list_models("convnext_tiny*_head")
    assert len(listed) > 0
    done = cli("models", "nothing*")
    assert (done.status, done.err) == (1, "error: no model is called 'nothing*'; `skinzoo models` lists all.\n")


@pytest.mark.parametrize("name", ["simple_cnn", "unet_resnet18", "vit_tiny_patch16_224_head"])
def test_one_model(cli, name):
    shown = cli("models", name, "--json").json
    options = {"backbone_weights": None} if name != "simple_cnn" else {}
    model = skinzoo.create_model(name, **options)
    assert shown["parameters"] == model.num_parameters()
    assert shown["input"]["size"] == list(model.input_spec.size)
    assert list(shown["options"]) == skinzoo.model_info(name).options
    assert shown["task"] == str(model.task)
    text = cli("models", name).out
    assert f"{model.num_parameters():,}" in text
    assert "224 x 224 pixels" in text


def test_a_model_whose_input_depends_on_its_options(cli):
    assert cli("models", "ensemble", "--json").json["input"] is None
    assert "depends on the options" in cli("models", "resnet18_metadata").out


def test_one_model_of_another_task(cli):
    done = cli("models", "simple_cnn", "--task", "segmentation")
    assert (done.status, done.err) == (1, "error: simple_cnn is for classification, not for segmentation.\n")


def test_datasets(cli):
    listed = cli("datasets", "--json").json
    assert [entry["name"] for entry in listed] == skinzoo.list_datasets()
    for entry in listed:
        info = skinzoo.dataset_info(entry["name"])
        assert (entry["images"], entry["licence"]) == (info.num_images, info.licence)
        assert entry["downloadable"] == bool(info.downloads)
    text = cli("datasets").out
    assert max(map(len, text.splitlines())) < 80
    assert [line.split()[0] for line in text.splitlines()[1:]] == skinzoo.list_datasets()
    assert [entry["name"] for entry in cli("datasets", "isic2016*", "--json").json] == skinzoo.list_datasets(
        "isic2016*"
    )


@pytest.mark.parametrize("name", skinzoo.list_datasets())
def test_one_dataset(cli, name):
    info = skinzoo.dataset_info(name)
    shown, text = cli("datasets", name, "--json").json, cli("datasets", name).out
    assert shown["classes"] == (list(info.label_space) if info.label_space else None)
    assert shown["citation"] == info.citation
    assert shown["tree"] == info.tree
    assert (f"skinzoo download {name}" in text) == bool(info.downloads)
    assert info.licence in " ".join(text.split())
    facts = text.removesuffix(f"{info.tree.rstrip()}\n")
    assert max(len(line) for line in facts.splitlines() if " https://" not in line) < 80


def test_unknown_datasets(cli):
    done = cli("datasets", "ham1000")
    assert (done.status, done.err) == (1, "error: unknown dataset 'ham1000'; did you mean 'ham10000'?\n")
    assert cli("datasets", "zzz*").err == "error: no collection is called 'zzz*'; `skinzoo datasets` lists all.\n"


def test_weights(cli, record):
    listed = cli("weights", "--json").json
    assert listed == [record.to_dict()]
    text = cli("weights").out
    assert max(map(len, text.splitlines())) < 80
    assert text.splitlines()[1].startswith(f"{record.name}  balanced_accuracy 0.710 (0.650 to 0.770) on 300")
    assert "licence CC BY-NC 4.0" in " ".join(text.split())
    assert "of no medical use" in " ".join(text.split())


def test_one_record(cli, record):
    assert cli("weights", record.name, "--json").json == record.to_dict()
    text = cli("weights", record.name).out
    assert max(map(len, text.splitlines())) < 80
    assert " ".join(text.split()) == " ".join(str(record).split()), "the whole card"


def test_weights_by_task_and_pattern(cli, record):
    assert cli("weights", "simple*", "--json").json == [record.to_dict()]
    assert cli("weights", "--task", "segmentation", "--json").json == []
    assert cli("weights", "--task", "segmentation").out == "no weights are published for segmentation.\n"
    done = cli("weights", record.name, "--task", "segmentation")
    assert done.err == f"error: {record.name} is for classification, not for segmentation.\n"
    done = cli("weights", "simple_cnn.tset")
    assert (done.status, done.err) == (1, "error: unknown weights 'simple_cnn.tset'; did you mean 'simple_cnn.test'?\n")
    assert "no weights are called 'unet*'" in cli("weights", "unet*").err


def test_the_real_records_are_listed(cli):
    assert [entry["name"] for entry in cli("weights", "--json").json] == records.list_weights()
    assert cli("weights").status == 0
