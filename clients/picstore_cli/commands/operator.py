"""`picstore teams` and `picstore operator`: what only the operator of an installation does."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import uuid4

import typer
from rich.markup import escape

from picstore.auth.v1.authentication_pb2 import RotateSigningKeyRequest, SigningKey
from picstore.auth.v1.authentication_pb2_grpc import TokenServiceStub
from picstore.auth.v1.team_pb2 import (
    CreateTeamRequest,
    DisableTeamRequest,
    EnableTeamRequest,
    ListTeamsRequest,
    Team,
)
from picstore.auth.v1.team_pb2_grpc import TeamServiceStub
from picstore.catalog.v1.storage_location_pb2 import ReencryptStorageSecretsRequest
from picstore.catalog.v1.storage_location_pb2_grpc import StorageLocationServiceStub
from picstore_cli.console import json_text, note, out, table, write
from picstore_cli.context import OPERATOR, SECRET_VARIABLE, operator_context
from picstore_cli.kinds import time_text
from picstore_cli.lazy import group
from picstore_cli.operating import OperatorChannels, operator_channels
from picstore_cli.running import run
from picstore_cli.verbs import DEFAULT_LIMIT, LimitOption, YesOption, confirm
from picstore_kit.errors import NotFound
from picstore_kit.settings import ServiceIdentitySettings

T = TypeVar("T")

_PAGE_SIZE = 500

teams = group(
    "The teams of the installation; for its operator, whose secret PICSTORE_OPERATOR_SECRET is."
)
operator = group("The upkeep of the installation; for its operator.")

AuthOption = Annotated[
    str | None, typer.Option("--auth", envvar="PICSTORE_TARGETS__AUTH", help="gRPC target of auth.")
]
CatalogOption = Annotated[
    str | None,
    typer.Option(
        "--catalog", envvar="PICSTORE_TARGETS__CATALOG", help="gRPC target of the catalog."
    ),
]
JSONOption = Annotated[bool, typer.Option("--json", help="As JSON; errors, too.")]
TeamArgument = Annotated[str, typer.Argument(help="Id or short name.")]


@teams.command("list")
def list_teams(
    limit: LimitOption = DEFAULT_LIMIT,
    as_json: JSONOption = False,
    auth: AuthOption = None,
    catalog: CatalogOption = None,
) -> None:
    """List the teams, oldest first.

    Example:

      picstore teams list
    """

    async def work(channels: OperatorChannels) -> list[Team]:
        stub = TeamServiceStub(channels.auth)
        found: list[Team] = []
        token = ""
        while not limit or len(found) < limit:
            page = await stub.ListTeams(ListTeamsRequest(page_size=_PAGE_SIZE, page_token=token))
            found += page.teams
            token = page.next_page_token
            if not token:
                break
        return found[: limit or None]

    _print(_run(work, auth, catalog, as_json), as_json=as_json)


@teams.command("create")
def create_team(
    short_name: Annotated[str, typer.Argument(help="Unique in the installation.")],
    name: Annotated[str, typer.Option("--name", help="For people.")] = "",
    as_json: JSONOption = False,
    auth: AuthOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Make a team, which has no user yet; `picstore bootstrap` makes one with all it needs.

    Example:

      picstore teams create acme --name "Acme Inc."
    """

    async def work(channels: OperatorChannels) -> list[Team]:
        team = Team(short_name=short_name, display_name=name)
        request = CreateTeamRequest(team=team, request_id=str(uuid4()))
        return [await TeamServiceStub(channels.auth).CreateTeam(request)]

    _print(_run(work, auth, catalog, as_json), as_json=as_json)


@teams.command("disable")
def disable_team(
    team: TeamArgument,
    yes: YesOption = False,
    as_json: JSONOption = False,
    auth: AuthOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Close a team: all of its keys and sessions are refused at once. Its data stays.

    Example:

      picstore teams disable acme --yes
    """
    confirm(f"Close the team {team}?", yes=yes)

    async def work(channels: OperatorChannels) -> list[Team]:
        stub = TeamServiceStub(channels.auth)
        request = DisableTeamRequest(team_id=await _team_id(channels, team))
        return [await stub.DisableTeam(request)]

    _print(_run(work, auth, catalog, as_json), as_json=as_json)


@teams.command("enable")
def enable_team(
    team: TeamArgument,
    as_json: JSONOption = False,
    auth: AuthOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Open a team again, with the keys that it had.

    Example:

      picstore teams enable acme
    """

    async def work(channels: OperatorChannels) -> list[Team]:
        stub = TeamServiceStub(channels.auth)
        return [await stub.EnableTeam(EnableTeamRequest(team_id=await _team_id(channels, team)))]

    _print(_run(work, auth, catalog, as_json), as_json=as_json)


@operator.command("reencrypt-secrets")
def reencrypt_secrets(
    as_json: JSONOption = False, auth: AuthOption = None, catalog: CatalogOption = None
) -> None:
    """Encrypt the secrets of all storage locations under the current sealing key.

    Afterwards the older keys can be dropped from PICSTORE_SEALING__KEYS.

    Example:

      picstore operator reencrypt-secrets
    """

    async def work(channels: OperatorChannels) -> tuple[int, int, str]:
        stub = StorageLocationServiceStub(channels.catalog)
        done = await stub.ReencryptStorageSecrets(ReencryptStorageSecretsRequest())
        return done.examined, done.reencrypted, json_text(done, indent=2)

    examined, reencrypted, text = _run(work, auth, catalog, as_json)
    if as_json:
        write(text)
    else:
        note(f"secrets examined: {examined}, encrypted again: {reencrypted}")


@operator.command("rotate-signing-key")
def rotate_signing_key(
    as_json: JSONOption = False, auth: AuthOption = None, catalog: CatalogOption = None
) -> None:
    """Have service tokens signed by a new key at once, as after a leak.

    Tokens of the older keys are accepted for some minutes more, so that nothing stops.

    Example:

      picstore operator rotate-signing-key
    """

    async def work(channels: OperatorChannels) -> SigningKey:
        stub = TokenServiceStub(channels.auth)
        return await stub.RotateSigningKey(RotateSigningKeyRequest())

    key = _run(work, auth, catalog, as_json)
    if as_json:
        write(json_text(key, indent=2))
    else:
        note(f"service tokens are signed by {key.key_id} now")


async def _team_id(channels: OperatorChannels, name: str) -> str:
    if name.startswith("tem_"):
        return name
    found = await TeamServiceStub(channels.auth).ListTeams(ListTeamsRequest(short_name=name))
    if not found.teams:
        raise NotFound.of("Team", name)
    return found.teams[0].id


def _run(
    work: Callable[[OperatorChannels], Awaitable[T]],
    auth: str | None,
    catalog: str | None,
    as_json: bool,
) -> T:
    async def connected() -> T:
        context = operator_context(auth, catalog, os.environ.get(SECRET_VARIABLE))
        identity = ServiceIdentitySettings.model_validate(
            {"name": OPERATOR, "secret": context.secret}
        )
        async with operator_channels(identity=identity, targets=context.targets) as channels:
            return await work(channels)

    return run(connected(), as_json=as_json)


def _print(found: list[Team], *, as_json: bool) -> None:
    if as_json:
        for team in found:
            write(json_text(team, indent=None))
        return
    rows = table("id", "short name", "name", "state", "made")
    for team in found:
        state = "closed" if team.disabled else "open"
        cells = (team.id, team.short_name, team.display_name, state, time_text(team.create_time))
        rows.add_row(*map(escape, cells))
    out.print(rows)
