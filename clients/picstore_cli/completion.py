"""What the shell offers: names of contexts and, if the Pic Store answers at once, of objects.

Everything here is silent on failure: a completion that complains is worse than none.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from picstore_cli.contexts import ContextsError, contexts_path, load_contexts

if TYPE_CHECKING:
    from picstore_cli.nouns import Noun

_TIMEOUT_S: Final = 1.0
_MOST: Final = 200


def context_names(incomplete: str) -> list[str]:
    """Return the contexts whose name begins so."""
    try:
        contexts = load_contexts(contexts_path()).contexts
    except ContextsError:
        return []
    return sorted(name for name in contexts if name.startswith(incomplete))


def names_of(noun: Noun[Any]) -> Callable[[str], list[str]]:
    """Return what finds the names of objects that begin so."""

    def complete(incomplete: str) -> list[str]:
        from picstore_cli.context import NoContext
        from picstore_kit.errors import PicstoreError

        try:
            names = asyncio.run(_names(noun))
        except (ContextsError, NoContext, PicstoreError, TimeoutError, OSError):
            return []
        return sorted(name for name in names if name.startswith(incomplete))

    return complete


async def _names(noun: Noun[Any]) -> list[str]:
    from picstore_cli.context import KEY_VARIABLE, PROJECT_VARIABLE, URL_VARIABLE, connection_of
    from picstore_client import PicStoreClient

    async with asyncio.timeout(_TIMEOUT_S):
        environ = os.environ
        connection = connection_of(
            environ.get(URL_VARIABLE),
            environ.get(KEY_VARIABLE),
            project=environ.get(PROJECT_VARIABLE),
        )
        async with PicStoreClient(connection.url, connection.api_key) as client:
            project_id = ""
            if noun.in_project:
                project_id = (await client.find_project(connection.project or "")).id
            pages = client.pages(noun.list, noun.list_request(project_id), limit=_MOST)
            return [getattr(item, noun.key or "id") async for item in pages]
