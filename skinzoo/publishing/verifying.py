"""Seeing that what was published can be fetched, is what was uploaded, and answers as it did here."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from skinzoo.errors import PublishError, SkinzooError
from skinzoo.hub import HubOptions, HubReference, fetch_files
from skinzoo.models import create_model
from skinzoo.publishing.golden import replay_golden
from skinzoo.publishing.staging import GOLDEN, TOLERANCE, Staged
from skinzoo.publishing.uploading import with_cache


def verify_published(staged: Staged, repository: str, commit: str, options: HubOptions, *, page: str) -> float:
    """Download every file of a commit into an empty cache, compare it, load the model, and replay the golden outputs.

    Args:
        staged: What was uploaded.
        repository: `owner/name`.
        commit: 40 hex digits.
        options: How to reach the Hub.
        page: Address of the repository.

    Returns:
        The largest difference of a golden logit.

    Raises:
        PublishError: Something differs, or could not be fetched; the message says that the commit exists, and what to
            do.
    """
    reference = HubReference(repository, commit)
    with TemporaryDirectory(prefix="skinzoo-", ignore_cleanup_errors=True) as cache:
        fresh = with_cache(options, Path(cache))
        try:
            found = fetch_files(reference, sorted(staged.files), expected=staged.files, options=fresh)
            model = create_model(f"hf-hub:{reference}", hub=fresh)
            difference = replay_golden(model, found.files[GOLDEN])
        except SkinzooError as error:
            raise PublishError(f"{_exists(page, commit)} {error} {_advice(page)}") from error
    if not difference <= TOLERANCE:
        raise PublishError(
            f"{_exists(page, commit)} The downloaded model answers otherwise: the largest difference of a golden logit "
            f"is {difference:.3g}, at most {TOLERANCE:g} is allowed. {_advice(page)}"
        )
    return difference


def _exists(page: str, commit: str) -> str:
    return f"the commit {commit} exists at {page}, but it could not be verified, so take it for not published."


def _advice(page: str) -> str:
    return (
        f"Publish again: files that are there already are not sent twice. If it stays so, revert the commit under "
        f"{page}/commits/main, or delete the repository in its settings, and try from another network."
    )
