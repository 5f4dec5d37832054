"""Which Hub is asked, where its files are kept, and how long it may take."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from skinzoo.download.web import is_loopback
from skinzoo.errors import ConfigError
from skinzoo.hub.reference import check_owner

DEFAULT_ENDPOINT = "https://huggingface.co"
_TRUE = ("1", "ON", "YES", "TRUE")


@dataclass(frozen=True)
class HubOptions:
    """Which Hub is asked and how; where an attribute is None, an environment variable counts, else the usual place.

    The environment is read when files are fetched, not when this is made.

    Attributes:
        endpoint: Address of the Hub or of a mirror, https, or http on this machine. Else `SKINZOO_HUB_ENDPOINT`,
            `HF_ENDPOINT`, `https://huggingface.co`.
        namespace: The user or organisation of a mirror that the zoo's own weights are under, in place of the one that
            they are recorded with. It changes no repository that is named in full. Else `SKINZOO_HUB_NAMESPACE`.
        cache_dir: Folder where files are kept, in the layout of the `huggingface_hub` client. Else `SKINZOO_HUB_CACHE`,
            `HF_HUB_CACHE`, `hub` below `HF_HOME`.
        token: Access token. Else the one that the client has (`HF_TOKEN`, `hf auth login`), which is sent to the
            client's own endpoint only, never to one that was named here or by `SKINZOO_HUB_ENDPOINT`.
        offline: True to make no request. `HF_HUB_OFFLINE=1` does the same, also where this is False.
        timeout: Seconds that the Hub may be silent when it is asked about a repository; while a file comes, the
            client's `HF_HUB_DOWNLOAD_TIMEOUT` counts.
        deadline: Seconds for one call in all, waits between tries included.
        retries: How often to try again after a failure that may pass.

    Raises:
        ConfigError: An endpoint that is not https, a namespace that is no name, a time that is not positive, or retries
            below 0.
    """

    endpoint: str | None = None
    namespace: str | None = None
    cache_dir: str | os.PathLike[str] | None = None
    token: str | None = field(default=None, repr=False)
    offline: bool = False
    timeout: float = 10.0
    deadline: float = 600.0
    retries: int = 4

    def __post_init__(self) -> None:
        if self.endpoint is not None:
            _check_endpoint(self.endpoint, "endpoint")
        if self.namespace is not None:
            check_owner(self.namespace)
        if not (self.timeout > 0 and self.deadline > 0 and self.retries >= 0):
            raise ConfigError(
                f"timeout={self.timeout!r} and deadline={self.deadline!r} must be above 0 seconds, and "
                f"retries={self.retries!r} 0 or more."
            )

    def find_endpoint(self) -> str:
        """Address of the Hub, without a slash at the end.

        Raises:
            ConfigError: The one in the environment is not https.
        """
        own = self.endpoint or _variable("SKINZOO_HUB_ENDPOINT")
        if own:
            return _check_endpoint(own, "endpoint" if self.endpoint else "SKINZOO_HUB_ENDPOINT")
        return _check_endpoint(client_endpoint(), "HF_ENDPOINT")

    def find_token(self) -> str | bool | None:
        """What the client is told of a token: one, None for its own, or False for none."""
        if self.token is not None:
            return self.token
        return None if self.find_endpoint() == client_endpoint() else False

    def find_cache(self) -> Path:
        """Folder where files are kept; it need not exist."""
        own = self.cache_dir or _variable("SKINZOO_HUB_CACHE")
        given = own or _variable("HF_HUB_CACHE") or _variable("HUGGINGFACE_HUB_CACHE")
        if not given:
            home = _variable("HF_HOME") or Path(_variable("XDG_CACHE_HOME") or "~/.cache", "huggingface")
            given = Path(home, "hub")
        return Path(os.path.expandvars(given)).expanduser().absolute()

    def is_offline(self) -> bool:
        """True if no request may be made."""
        names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
        by_environment = any(_variable(name).upper() in _TRUE for name in names)
        client = sys.modules.get("huggingface_hub.constants")  # it reads the environment once, when it is imported
        return self.offline or by_environment or bool(getattr(client, "HF_HUB_OFFLINE", False))

    def own_repository(self, repository: str) -> str:
        """Where one of the zoo's own repositories is: under the namespace, if there is one.

        Args:
            repository: `owner/name` as recorded.
        """
        namespace = self.namespace or _variable("SKINZOO_HUB_NAMESPACE")
        if not namespace:
            return repository
        check_owner(namespace)
        return f"{namespace}/{repository.rpartition('/')[2]}"


def client_endpoint() -> str:
    """Where the client's own token belongs."""
    return (_variable("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _check_endpoint(endpoint: str, source: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname or "", parts.port
    except (ValueError, AttributeError, TypeError):
        parts, host = urlsplit(""), ""
    is_plain = not (parts.query or parts.fragment or parts.username is not None or any(ord(c) <= 32 for c in endpoint))
    if host and is_plain and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        return endpoint.rstrip("/")
    shown = endpoint if isinstance(endpoint, str) and "@" not in endpoint else "an address with a user's name in it"
    raise ConfigError(
        f"{source}={shown!r} is no address of a Hub that can be trusted; give https://host, without a user, a password "
        "or a '?' (http is for this machine only, because anybody on the way could change the files). A token goes "
        "into HubOptions(token=...)."
    )
