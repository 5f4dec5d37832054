"""The code of the guide runs as it stands."""

import re
from pathlib import Path

import skinzoo

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "explanations.md"


def test_every_block_of_the_guide_runs(tmp_path, monkeypatch, write_image, capsys):
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "lesion.jpg")
    for name in ("one", "two"):
        write_image(tmp_path / "pictures" / f"{name}.jpg")
    names = {
        "skinzoo": skinzoo,
        "model": skinzoo.create_model("multitask", image_size=32, backbone_weights=None, seed=0),
        "test": skinzoo.load_dataset("synthetic", num_images=4, size=32),
    }
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(block, names)
    assert {p.name for p in tmp_path.glob("*.png")} == {"cam.png", "saliency.png"}
    assert {p.name for p in (tmp_path / "cams").iterdir()} == {"one.png", "two.png"}
    assert "heat on the lesion" in capsys.readouterr().out
