"""Fixtures for tests with the real Hub client: a stand-in server, and a client that does not sleep."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import HubServer

_UNSET = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"),
    *("TRANSFORMERS_OFFLINE", "HF_HUB_ENABLE_HF_TRANSFER", "SKINZOO_HUB_NAMESPACE"),
    *("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
)


def hub_environment(hub: HubServer, folder: Path) -> dict[str, str]:
    """The environment in which a process knows the stand-in, no other Hub and no token."""
    return {
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HOME": str(folder / "hf_home"),
        "HF_TOKEN_PATH": str(folder / "hf_home" / "token"),
        "HF_ENDPOINT": hub.url,
        "SKINZOO_HUB_ENDPOINT": hub.url,
        "SKINZOO_HUB_CACHE": str(folder / "hub_cache"),
        "NO_PROXY": "*",
    }


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A started `HubServer`; the environment knows it, no other Hub and no token.

    huggingface_hub reads its environment once, when it is imported, so its constants are patched as well. Its bound
    functions (`huggingface_hub.create_repo` ...) keep the endpoint of the import: use `HfApi(endpoint=..., token=...)`.
    """
    server = HubServer().start()
    for name in _UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, value in hub_environment(server, tmp_path).items():
        monkeypatch.setenv(name, value)
    import huggingface_hub.file_download
    from huggingface_hub import constants

    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    for module in (constants, huggingface_hub.file_download):  # 0.x copies it into the second
        if hasattr(module, "HUGGINGFACE_CO_URL_TEMPLATE"):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf_home" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf_home" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with warnings.catch_warnings():  # the client's own, on each LFS upload; as an error it is retried for a minute
        warnings.filterwarnings("ignore", "Use 'content=", DeprecationWarning)
        yield server
        close_sessions()
    server.stop()
    assert not server.crashes, f"the stand-in itself failed: {server.crashes}"


@pytest.fixture
def client_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The Hub client's back-off does not sleep; the list fills with the seconds it would have slept."""
    import huggingface_hub.file_download
    import huggingface_hub.utils._http

    slept: list[float] = []
    clock = SimpleNamespace(**{**vars(time), "sleep": slept.append})
    monkeypatch.setattr(huggingface_hub.utils._http, "time", clock)
    monkeypatch.setattr(huggingface_hub.file_download, "time", clock)
    return slept


def close_sessions() -> None:
    """Close the client's connections."""
    import huggingface_hub

    new = getattr(huggingface_hub, "close_session", None)
    (new or huggingface_hub.utils._http.reset_sessions)()  # 1.0 and later, 0.x
