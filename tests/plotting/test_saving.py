"""Files of figures: formats, equal bytes, all or nothing."""

import io
import threading

import matplotlib
import numpy as np
import pytest
from PIL import Image

from skinzoo.errors import ConfigError
from skinzoo.plotting import (
    EncodedFigure,
    dice_histogram,
    encoded_figure,
    figure_bytes,
    forest_plot,
    picture_grid,
    save_figure,
)


def figure():
    return forest_plot([("sex", "female", 0.5, 0.4, 0.6, 10)], title="Recall")


def test_files_formats_and_sizes(tmp_path):
    drawn = figure()
    paths = save_figure(drawn, tmp_path / "new" / "recall v1.2", ["png", "svg", "pdf"])
    assert [p.name for p in paths] == ["recall v1.2.png", "recall v1.2.svg", "recall v1.2.pdf"]
    with Image.open(paths[0]) as picture:
        assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        assert picture.size == tuple(int(150 * inches) for inches in drawn.get_size_inches())
    svg = paths[1].read_text("utf-8")
    assert ">Recall</text>" in svg  # text is text
    assert ">0.50 (0.40-0.60)</text>" in svg
    assert paths[2].read_bytes().startswith(b"%PDF")
    assert sorted(p.name for p in paths[0].parent.iterdir()) == sorted(p.name for p in paths)
    assert [p.suffix for p in save_figure(drawn, str(tmp_path / "recall"))] == [".png", ".svg"]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_equal_data_gives_equal_bytes_and_other_data_others(kind):
    drawn = figure()
    content = figure_bytes(drawn, kind)
    assert figure_bytes(drawn, kind) == content
    assert figure_bytes(figure(), kind) == content
    assert figure_bytes(dice_histogram([0.5]), kind) != content
    assert b"CreationDate" not in content


def test_nothing_is_written_if_one_format_is_unknown(tmp_path):
    for formats in (["png", "gif"], [], "png"):
        with pytest.raises(ConfigError, match="formats must be some of png, svg, pdf, in a list"):
            save_figure(figure(), tmp_path / "a", formats)
    with pytest.raises(ConfigError, match="one of png, svg, pdf; got 'gif'"):
        figure_bytes(figure(), "gif")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    save_figure(figure(), tmp_path / "a", ["svg"])
    before = (tmp_path / "a.svg").read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_figure(dice_histogram([0.5]), tmp_path / "a", ["svg"])
    assert (tmp_path / "a.svg").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]


def test_threads_neither_disturb_each_other_nor_the_settings():
    before, expected, found = dict(matplotlib.rcParams), figure_bytes(figure(), "svg"), []
    threads = [threading.Thread(target=lambda: found.append(figure_bytes(figure(), "svg"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    assert dict(matplotlib.rcParams) == before


def test_vectors_where_they_are_small_and_pixels_for_pictures():
    kind, data = encoded_figure(figure())
    assert (kind, data) == EncodedFigure("svg", figure_bytes(figure(), "svg"))
    grid = picture_grid([np.zeros((9, 9, 3), np.uint8)], ["x"])
    kind, data = encoded_figure(grid)
    assert kind == "png"
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG"


def test_crowded_vectors_become_pixels(monkeypatch):
    monkeypatch.setattr("skinzoo.plotting.saving._SMALL", 100)
    assert encoded_figure(figure()).format == "png"
