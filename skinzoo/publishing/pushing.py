"""From a model, its report and its card to a verified commit on a Hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from skinzoo.errors import ConfigError
from skinzoo.hub import HubOptions
from skinzoo.hub.reference import check_repository
from skinzoo.models import SkinModel
from skinzoo.publishing.card import ModelCard
from skinzoo.publishing.checks import require_publishable
from skinzoo.publishing.reports import ExternalLike, PathLike, ReportLike, open_external, open_report
from skinzoo.publishing.staging import CARD, Staged, StoredType, stage, weights_record


@dataclass(frozen=True)
class PublishedFile:
    """A file of a published model.

    Attributes:
        path: In the repository.
        size: Bytes.
        sha256: 64 hex digits.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """What was published, or would be; `print` it.

    Attributes:
        repository: `owner/name`.
        revision: The commit, 40 hex digits; None after a dry run.
        url: Address of the commit, or of the repository after a dry run.
        files: What is in it.
        golden_difference: Largest difference of a golden logit between the model that was downloaded again and the
            stored numbers here; after a dry run between the stored numbers and the model given.
        card: The text of README.md.
        left_out: What of the report was not uploaded, because it shows or names pictures.
        folder: Where the files are on this disk; None where they were removed after the upload.
        record: Plain values of the zoo's weights record; None where `facts` held no recipe.
    """

    repository: str
    revision: str | None
    url: str
    files: tuple[PublishedFile, ...]
    golden_difference: float
    card: str = field(repr=False)
    left_out: tuple[str, ...] = ()
    folder: Path | None = None
    record: Mapping[str, Any] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if self.revision is None:
            first = f"dry run: nothing was uploaded; this would be, to {self.url}"
        else:
            first = f"published and verified: hf-hub:{self.repository}@{self.revision}\n{self.url}"
        width = max(len(f.path) for f in self.files)
        lines = [first, *(f"  {f.path:<{width}}  {f.size:>13,}  {f.sha256}" for f in self.files)]
        lines.append(f"largest difference of a golden logit: {self.golden_difference:.2g}")
        if self.left_out:
            lines.append(f"left out, because it shows or names pictures: {', '.join(self.left_out)}")
        if self.folder is not None:
            lines.append(f"the files are in {self.folder}")
        return "\n".join(lines)


def push_to_hub(
    model: SkinModel,
    repository: str,
    *,
    report: ReportLike,
    card: ModelCard | PathLike,
    external: ExternalLike = None,
    private: bool = False,
    dry_run: bool = False,
    message: str | None = None,
    dtype: StoredType = "float32",
    photographs: bool = False,
    folder: PathLike | None = None,
    facts: Mapping[str, Any] | None = None,
    hub: HubOptions | None = None,
) -> Published:
    """Publish a model with its figures and a complete card, and see that everybody gets what was published.

    Weights, configuration, record of the training, card, report and golden outputs are uploaded in one commit,
    downloaded again into an empty cache and compared by sha256; the model is loaded from there, and has to give the
    golden outputs to within 1e-4.

    Args:
        model: The model, with the record of its training.
        repository: `owner/name`; it is made if there is none.
        report: Of this very model on images that it has never seen, or the folder that it was saved to.
        card: What only a human knows, or the YAML or JSON file with it; `card_template` writes a skeleton.
        external: Reports on other collections, one or several, by name or not, or what `evaluate_across` returned.
            Without one the card has to say why (`no_external_test`).
        private: Make a new repository a private one.
        dry_run: Write and check everything, and make no request.
        message: Of the commit.
        dtype: Of the stored numbers; `"float16"` halves the file.
        photographs: True to publish the report's pictures of lesions too, and all of its attachments. Without it no
            picture, no id and no path leaves this machine; `Published.left_out` names what was left out.
        folder: Where the files are written and kept; None for a temporary folder, which a dry run keeps.
        facts: Plain values kept under `"training"` in the configuration. With `recipe`, the values of a
            `TrainingRecipe`, the weights' record for the zoo is made as well.
        hub: Which Hub, and how it is reached.

    Raises:
        PublishError: Something is missing in card, record or report (the message lists all of it), nobody is logged in,
            the repository holds somebody else's files, or the published model could not be verified.
        OfflineError: The Hub did not answer; the message says what became of the upload.
        ConfigError: The repository, the card or a report cannot be read.

    Examples:
        >>> push_to_hub(model, "me/lesions", report="runs/demo/report", card="card.yaml", dry_run=True)
    """
    check_repository(repository)
    if not isinstance(model, SkinModel):
        raise ConfigError(f"push_to_hub takes a model, got {model!r:.200}; see create_model.")
    options = hub or HubOptions()
    endpoint = options.find_endpoint()
    if not isinstance(card, ModelCard):
        card = ModelCard.from_file(_path("card", card))
    opened, tests = open_report(report), open_external(external)
    require_publishable(model, opened, card, tests)
    with ExitStack() as stack:
        if folder is not None:
            place = Path(_path("folder", folder))
        elif dry_run:
            place = Path(mkdtemp(prefix="skinzoo-publish-"))
        else:
            place = Path(stack.enter_context(TemporaryDirectory(prefix="skinzoo-publish-")))
        staged = stage(
            place,
            model,
            card,
            opened,
            repository=repository,
            external=tests,
            dtype=dtype,
            photographs=photographs,
            facts=facts,
        )
        record = weights_record(staged, model, card, repository) if "recipe" in (facts or {}) else None
        done = _described(staged, repository, f"{endpoint}/{repository}")
        done = replace(done, folder=place if folder is not None or dry_run else None)
        if dry_run:
            return replace(done, record=None if record is None else record.to_dict())
        commit, difference = _upload(staged, repository, options, private, message or _message(card))
        if record is not None:
            record = replace(record, repository=repository, revision=commit).to_dict()
        url = f"{done.url}/commit/{commit}"
        return replace(done, revision=commit, url=url, golden_difference=difference, record=record)


def _upload(staged: Staged, repository: str, options: HubOptions, private: bool, message: str) -> tuple[str, float]:
    from skinzoo.publishing.uploading import Publisher
    from skinzoo.publishing.verifying import verify_published

    publisher = Publisher(repository, options)
    publisher.require_login()
    commit = publisher.commit(staged.folder, publisher.open(private=private), message)
    return commit, verify_published(staged, repository, commit, options, page=publisher.page)


def _described(staged: Staged, repository: str, url: str) -> Published:
    return Published(
        repository=repository,
        revision=None,
        url=url,
        files=tuple(PublishedFile(name, digest.size, digest.sha256) for name, digest in staged.files.items()),
        golden_difference=staged.rounding,
        card=(staged.folder / CARD).read_text("utf-8"),
        left_out=staged.left_out,
    )


def _message(card: ModelCard) -> str:
    return f"Publish version {card.version} with skinzoo"


def _path(name: str, value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{name} must be a path, got {type(value).__name__}.")
    return os.fspath(value)
