"""Grants on the command line, with the projects that they name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from picstore.options.v1.permission_pb2 import Permission
from picstore_cli.grants import read_grant
from picstore_cli.remote import Remote
from picstore_cli.verbs import parsed

GrantOption = Annotated[
    list[str] | None,
    typer.Option(
        "--grant", help="Such as image:create@blog, or image:create for all projects; repeatable."
    ),
]


async def grants_of(remote: Remote, texts: list[str] | None) -> dict[str, Any]:
    """Return the field `grants` of a document; nothing where none are given.

    Raises:
        typer.BadParameter: One is none.
        NotFound: One names a project that there is not.
    """
    if not texts:
        return {}
    grants = []
    for written in parsed(read_grant, texts):
        project_id = await remote.project_id(written.project) if written.project else ""
        grants.append({"permission": Permission.Name(written.permission), "project_id": project_id})
    return {"grants": grants}
