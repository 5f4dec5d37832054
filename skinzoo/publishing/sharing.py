"""What of a report leaves the machine: figures and charts, but no photograph, no id and no path of a file."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from skinzoo.evaluation import Report
from skinzoo.evaluation.attached import is_faithfulness, is_robustness
from skinzoo.evaluation.figures import Picture
from skinzoo.publishing.attachments import SavedAttachment, described


def without_photographs(report: Report) -> tuple[Report, list[str]]:
    """A copy of a report that shows no picture of a lesion, and the titles of what was left out.

    Left out are the examples, added figures that hold pixels, and attachments other than those of `evaluate_robustness`
    and `faithfulness`: an audit, for instance, names files and shows them.

    Args:
        report: The report, which stays as it is.
    """
    shared = copy.copy(report)
    left_out = [f"{len(report.examples)} examples with photographs"] if report.examples else []
    shared.examples = []
    shared._pictures = [p for p in report._pictures if not shows_pixels(p)]
    left_out += [p.title for p in report._pictures if shows_pixels(p)]
    shared.attachments = {title: _plain(result) for title, result in report.attachments.items() if _is_known(result)}
    left_out += [title for title in report.attachments if title not in shared.attachments]
    return shared, left_out


def shows_pixels(picture: Picture) -> bool:
    """Whether a figure holds pixels of any kind: a heatmap or a grey photograph cannot be told from each other."""
    from matplotlib.image import AxesImage, BboxImage, FigureImage

    kinds = (AxesImage, BboxImage, FigureImage)
    return bool(picture.figure.findobj(lambda artist: isinstance(artist, kinds)))


def _is_known(result: Any) -> bool:
    if is_faithfulness(result) or is_robustness(result):
        return True
    return isinstance(result, SavedAttachment) and bool(described(result.values))


def _plain(result: Any) -> Any:
    """A result of which nothing names a picture that could not be read."""
    if is_faithfulness(result):
        return replace(result, failed=[])
    if isinstance(result, SavedAttachment) and "failed" in result.values:
        return SavedAttachment({**result.values, "failed": []})
    return result
