"""The options of commands that may fetch weights."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from skinzoo.cli.parsing import Parser

if TYPE_CHECKING:
    from skinzoo.hub.options import HubOptions


def add_hub_options(parser: Parser) -> None:
    """Add what says which Hub is asked, and where its files are kept."""
    group = parser.add_argument_group("Hub")
    group.add_argument("--endpoint", metavar="URL", help="a mirror (default: SKINZOO_HUB_ENDPOINT, or the Hub)")
    group.add_argument("--namespace", metavar="OWNER", help="who mirrors the zoo's own weights there")
    group.add_argument("--cache", metavar="DIR", help="where files are kept (default: SKINZOO_HUB_CACHE, HF_HUB_CACHE)")
    group.add_argument("--offline", action="store_true", help="make no request; take what the cache has")


def hub_options(args: argparse.Namespace) -> HubOptions:
    """The options as `create_model` takes them; where one is not given, the environment counts."""
    from skinzoo.hub.options import HubOptions

    return HubOptions(endpoint=args.endpoint, namespace=args.namespace, cache_dir=args.cache, offline=args.offline)
