"""Fetching files whose address is known, and making sure that they are the ones expected."""

from skinzoo.download.getting import fetch
from skinzoo.download.locking import exclusive
from skinzoo.download.remote import RemoteFile

__all__ = ["RemoteFile", "exclusive", "fetch"]
