"""`picstore new-key`."""

from __future__ import annotations

from picstore_cli.console import write
from picstore_kit.credentials import new_api_key
from picstore_kit.ids import KeyId, new_id


def new_key() -> None:
    """Print a fresh API key, for a bootstrap document to make good.

    Example:

      export PICSTORE_API_KEY=$(picstore new-key)
    """
    write(new_api_key(new_id(KeyId)).text)
