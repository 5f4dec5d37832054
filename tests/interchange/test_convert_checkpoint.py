"""Old weights become models that answer as the old ones did: the oracle is the old network itself."""

import copy

import pytest
import safetensors.torch
import segmentation_models_pytorch as smp
import timm
import torch
from old_projects import CLASSES, Children, HeadBeside, OldCNN, mlp, resnet, shaken
from torch import nn

import skinzoo
from skinzoo.errors import ConfigError, UnknownNameError, WeightsError, WeightsMismatchError
from skinzoo.interchange import convert_checkpoint
from skinzoo.interchange.unpickling import SAFE_TORCH, _torch_version

pytestmark = pytest.mark.skipif(_torch_version() < SAFE_TORCH, reason="this PyTorch is not safe enough to read pickles")
PICTURES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
TINY = {"architecture": "test_resnet_scratch", "label_space": CLASSES, "image_size": 64, "trusted": True}


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


@pytest.fixture(scope="module")
def tiny():
    """A very small network of timm."""
    torch.manual_seed(0)
    return shaken(timm.create_model("test_resnet", num_classes=7))


def wrapper(**parts):
    module = nn.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    return module


def assert_equal(done, old):
    """Same logits, bit for bit or nearly so: the operations are the same, but not always in one order."""
    assert not done.model.training
    with torch.no_grad():
        wanted = old(PICTURES)
        got = done.model(PICTURES)
    if isinstance(wanted, tuple):
        torch.testing.assert_close(got.mask_logits, wanted[0], rtol=1e-5, atol=1e-5)
        wanted = wanted[1]
    answer = got.logits if got.logits is not None else got.mask_logits
    torch.testing.assert_close(answer, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "make", "options"),
    [
        ("resnet18_scratch", resnet, {}),
        ("resnet18_finetuned", lambda: resnet(head=nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 7))), {}),
        ("resnet18_head", lambda: resnet(head=mlp(512)), {"head": "mlp"}),
        ("resnet18_scratch", lambda: shaken(HeadBeside()), {"head": "mlp"}),
        ("resnet18_scratch", lambda: shaken(Children()), {}),
        ("simple_cnn", lambda: OldCNN().eval(), {}),
        ("unet_resnet18", lambda: shaken(smp.Unet("resnet18", encoder_weights=None, classes=1)), {}),
        (
            "multitask",
            lambda: shaken(
                smp.Unet("resnet18", encoder_weights=None, classes=1, aux_params={"classes": 7, "dropout": 0.2})
            ),
            {},
        ),
        ("test_vit_scratch", lambda: timm.create_model("test_vit", num_classes=7, img_size=64).eval(), {}),
    ],
    ids=["torchvision", "dropout", "mlp", "beside", "children", "simple_cnn", "unet", "multitask", "vit"],
)
def test_the_converted_model_answers_as_the_old_one(architecture, make, options, tmp_path):
    torch.manual_seed(0)
    old = make()
    path = saved(tmp_path / "best_model.pth", old.state_dict())
    if skinzoo.model_info(architecture).task.has_labels:
        options = {"label_space": CLASSES, **options}
    done = convert_checkpoint(path, architecture=architecture, image_size=64, trusted=True, **options)
    assert_equal(done, old)
    assert set(done.renamed) <= set(old.state_dict())
    assert set(done.renamed.values()) <= set(done.model.state_dict())
    assert done.key == ""
    assert done.ignored == ()


@pytest.mark.slow
def test_the_deeper_resnets_fit_too(tmp_path):
    old = resnet(50, head=mlp(2048))
    path = saved(tmp_path / "resnet50.pth", old.state_dict())
    done = convert_checkpoint(
        path, architecture="resnet50_scratch", label_space=CLASSES, head="mlp", image_size=64, trusted=True
    )
    assert_equal(done, old)


def lightning(tiny):
    return {
        "epoch": 3,
        "global_step": 100,
        "state_dict": {f"model.{k}": v for k, v in tiny.state_dict().items()},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-4}]}],
        "hyper_parameters": {"lr": 1e-4, "backbone": "resnet"},
    }


def script(tiny):
    return {
        "epoch": 7,
        "loss": torch.tensor(0.3),
        "model_state_dict": tiny.state_dict(),
        "optimizer_state_dict": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []},
    }


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (lightning, "state_dict"),
        (script, "model_state_dict"),
        (lambda m: {"net": m.state_dict(), "acc": 91.2, "epoch": 3}, "net"),
        (lambda m: {"checkpoint": {"model": m.state_dict()}}, "checkpoint.model"),
        (lambda m: nn.DataParallel(m).state_dict(), ""),
        (lambda m: wrapper(module=wrapper(_orig_mod=wrapper(encoder=m))).state_dict(), ""),
        (lambda m: torch.optim.swa_utils.AveragedModel(m).state_dict(), ""),
        (lambda m: list(m.state_dict().items()) and dict(m.named_parameters()) | dict(m.named_buffers()), ""),
    ],
    ids=["lightning", "script", "net", "nested", "data parallel", "compiled", "averaged", "parameters"],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_weights_are_found_in_whatever_a_script_saved(content, key, legacy, tiny, tmp_path):
    path = saved(tmp_path / "last.ckpt", content(tiny), _use_new_zipfile_serialization=not legacy)
    done = convert_checkpoint(path, **TINY)
    assert_equal(done, tiny)
    assert done.key == key


def test_the_same_model_again_has_nothing_to_rename(tmp_path):
    model = skinzoo.create_model("test_resnet_scratch", label_space=CLASSES, image_size=64, seed=0)
    done = convert_checkpoint(saved(tmp_path / "own.pt", model.state_dict()), **TINY)
    assert done.renamed == {}
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in done.model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype, tiny, tmp_path):
    old = copy.deepcopy(tiny).to(dtype)
    done = convert_checkpoint(saved(tmp_path / "half.bin", old.state_dict()), **TINY)
    assert {v.dtype for v in done.model.state_dict().values()} == {torch.float32, torch.int64}
    assert_equal(done, copy.deepcopy(old).float())


def test_files_without_batch_counters_are_read(tiny, tmp_path):
    content = {k: v for k, v in tiny.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert_equal(convert_checkpoint(saved(tmp_path / "torch04.pth", content), **TINY), tiny)


def test_safetensors_of_another_library_need_no_trust(tiny, tmp_path):
    safetensors.torch.save_file(tiny.state_dict(), tmp_path / "model.safetensors")
    done = convert_checkpoint(
        tmp_path / "model.safetensors", architecture="test_resnet_scratch", label_space=CLASSES, image_size=64
    )
    assert_equal(done, tiny)


def test_saved_and_loaded_it_is_the_same_and_knows_its_origin(tiny, tmp_path):
    path = saved(tmp_path / "old.pth", {"ema": tiny.state_dict()})
    done = convert_checkpoint(path, **TINY)
    done.model.save_pretrained(tmp_path / "new", **done.facts)
    loaded = skinzoo.create_model(f"local-dir:{tmp_path / 'new'}")
    assert list(loaded.label_space) == CLASSES
    with torch.no_grad():
        assert torch.equal(loaded(PICTURES).logits, done.model(PICTURES).logits)
    text = (tmp_path / "new" / "config.json").read_text()
    assert done.sha256 in text
    assert '"old.pth"' in text
    assert str(done).startswith("old.pth (ema) -> test_resnet_scratch: ")


def test_several_that_fit_are_a_question(tiny, tmp_path):
    other = {k: v + 1 for k, v in tiny.state_dict().items()}
    path = saved(tmp_path / "timm.pth.tar", {"state_dict": tiny.state_dict(), "state_dict_ema": other})
    with pytest.raises(WeightsError, match=r"several sets of weights that fit: 'state_dict', 'state_dict_ema'.*key="):
        convert_checkpoint(path, **TINY)
    assert_equal(convert_checkpoint(path, key="state_dict", **TINY), tiny)
    with pytest.raises(ConfigError, match=r"key='model' is neither.*it holds 'state_dict', 'state_dict_ema'"):
        convert_checkpoint(path, key="model", **TINY)


def test_of_several_the_one_that_fits_is_taken(tiny, tmp_path):
    content = {"generator": nn.Linear(3, 3).state_dict(), "classifier": tiny.state_dict()}
    assert convert_checkpoint(saved(tmp_path / "gan.pth", content), **TINY).key == "classifier"


def test_a_network_twice_under_two_prefixes_is_a_question(tiny, tmp_path):
    content = wrapper(student=tiny, teacher=copy.deepcopy(tiny)).state_dict()
    path = saved(tmp_path / "distilled.pth", content)
    with pytest.raises(WeightsError, match="several times, under names that begin with 'student', 'teacher'"):
        convert_checkpoint(path, **TINY)
    assert_equal(convert_checkpoint(path, key="student", **TINY), tiny)
    done = convert_checkpoint(path, ignore="teacher.*", **TINY)
    assert_equal(done, tiny)
    assert len(done.ignored) == len(tiny.state_dict())


def test_what_is_not_the_network_must_be_named(tiny, tmp_path):
    content = {**tiny.state_dict(), "criterion.weight": torch.ones(7)}
    path = saved(tmp_path / "weighted.pth", content)
    with pytest.raises(WeightsMismatchError, match=r"1 unknown to the model: criterion\.weight.*ignore="):
        convert_checkpoint(path, **TINY)
    assert convert_checkpoint(path, ignore=["criterion.*"], **TINY).ignored == ("criterion.weight",)


def test_another_architecture_is_refused_with_advice(tmp_path):
    path = saved(tmp_path / "r34.pth", resnet(34).state_dict())
    with pytest.raises(
        WeightsMismatchError, match=r"unknown to the model: .*ResNet-34 and a head for 7 classes: .*'resnet34_scratch'"
    ):
        convert_checkpoint(path, architecture="resnet18_scratch", label_space=CLASSES, trusted=True)
    path = saved(tmp_path / "mlp.pth", resnet(head=mlp(512)).state_dict())
    with pytest.raises(WeightsMismatchError, match=r"architecture='resnet18_scratch', head='mlp'\."):
        convert_checkpoint(path, architecture="resnet18_scratch", label_space=CLASSES, trusted=True)
    path = saved(tmp_path / "unet.pth", smp.Unet("resnet18", encoder_weights=None, classes=1).state_dict())
    with pytest.raises(WeightsMismatchError, match=r"ResNet-18 with a decoder: architecture='unet_resnet18'"):
        convert_checkpoint(path, architecture="resnet18_scratch", label_space=CLASSES, trusted=True)
    path = saved(tmp_path / "vit.pth", timm.create_model("test_vit").state_dict())
    with pytest.raises(WeightsMismatchError, match=r"a transformer with timm's names"):
        convert_checkpoint(path, architecture="simple_cnn", label_space=CLASSES, trusted=True)


def test_another_number_of_classes_is_said(tiny, tmp_path):
    path = saved(tmp_path / "seven.pth", tiny.state_dict())
    with pytest.raises(
        WeightsMismatchError, match=r"last layer \(fc\.weight\) has 7 classes, label_space has 9\."
    ) as caught:
        convert_checkpoint(path, **TINY | {"label_space": "isic9"})
    assert "2 absent from the file: head.1.weight, head.1.bias" in str(caught.value)


def test_which_of_two_equal_layers_is_the_head_is_not_guessed(tiny, tmp_path):
    weight = tiny.state_dict()["fc.weight"]
    path = saved(tmp_path / "two.pth", {**tiny.state_dict(), "aux.weight": weight + 1, "aux.bias": torch.ones(7)})
    with pytest.raises(
        WeightsMismatchError, match=r"head\.1\.weight, head\.1\.bias; 4 unknown .*fc\.weight.*aux\.weight"
    ):
        convert_checkpoint(path, **TINY)
    assert_equal(convert_checkpoint(path, ignore="aux.*", **TINY), tiny)


def test_a_tensor_of_another_shape_is_listed(tiny, tmp_path):
    content = tiny.state_dict()
    name = next(iter(content))
    content[name] = torch.zeros(5, 5)
    with pytest.raises(WeightsMismatchError, match=r"1 of another shape: backbone.*\(file \(5, 5\), model "):
        convert_checkpoint(saved(tmp_path / "odd.pth", content), **TINY)


def test_a_tensor_that_claims_to_be_huge_is_not_filled(tiny, tmp_path):
    """A few bytes can stand for a petabyte: one number with steps of 0."""
    content = tiny.state_dict()
    content["conv1.weight"] = torch.zeros(1).expand(10**7, 10**8)
    with pytest.raises(WeightsMismatchError):
        convert_checkpoint(saved(tmp_path / "huge.pth", content), **TINY)


def test_values_that_are_not_finite_are_refused(tiny, tmp_path):
    content = {k: v.clone() for k, v in tiny.state_dict().items()}
    content["fc.bias"][3] = float("nan")
    with pytest.raises(WeightsError, match=r"NaN or infinite values in 'head\.1\.bias'"):
        convert_checkpoint(saved(tmp_path / "nan.pth", content), **TINY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(3)], r"it holds a list"),
        ({"epoch": 3, "args": {"lr": 0.1}}, r"a dictionary of epoch, args"),
        ({"w": torch.eye(3).to_sparse()}, r"no dictionary of named tensors"),
        ({"w": torch.ones(3, dtype=torch.complex64)}, r"no dictionary of named tensors"),
    ],
    ids=["list", "no tensors", "sparse", "complex"],
)
def test_a_file_without_weights_is_refused(content, message, tmp_path):
    with pytest.raises(WeightsError, match=message):
        convert_checkpoint(saved(tmp_path / "none.pth", content), **TINY)


def test_classes_must_be_given(tiny, tmp_path):
    path = saved(tmp_path / "a.pth", tiny.state_dict())
    with pytest.raises(ConfigError, match="stands in no file: pass label_space="):
        convert_checkpoint(path, architecture="test_resnet_scratch", trusted=True)
    done = convert_checkpoint(path, architecture="test_resnet_scratch", num_classes=7, image_size=64, trusted=True)
    assert done.model.label_space.name == "numbered"
    with pytest.raises(UnknownNameError, match="did you mean"):
        convert_checkpoint(path, architecture="resnet18_scrach", num_classes=7, trusted=True)
    with pytest.raises(ConfigError, match="convert its members one by one"):
        convert_checkpoint(path, architecture="ensemble", num_classes=7, trusted=True)
