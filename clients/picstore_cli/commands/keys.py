"""`picstore keys`, and `picstore new-key`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from picstore.auth.v1.api_key_pb2 import (
    ApiKey,
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    RotateApiKeyResponse,
)
from picstore_cli.completion import names_of
from picstore_cli.console import json_text, note, write
from picstore_cli.granting import GrantOption, grants_of
from picstore_cli.instants import coming, span
from picstore_cli.kinds import KEY, UPLOAD_PROFILE, USER
from picstore_cli.lazy import group
from picstore_cli.messages import parse_into, read_document
from picstore_cli.remote import (
    Form,
    Remote,
    RemoteCommand,
    first,
    form_of,
    print_list,
    print_one,
    run_remote,
)
from picstore_cli.verbs import (
    DEFAULT_LIMIT,
    FileOption,
    LimitOption,
    YesOption,
    add_show,
    change,
    confirm,
    given,
    needs_project,
    parsed,
    something,
)
from picstore_client.methods import (
    CREATE_API_KEY,
    LIST_API_KEYS,
    REVOKE_API_KEY,
    ROTATE_API_KEY,
    UPDATE_API_KEY,
)
from picstore_kit.credentials import new_api_key
from picstore_kit.ids import KeyId, new_id

app = group("API keys: secrets by which programs call in a user's name.")
add_show(app, KEY, "keys show key_01h455vb4pex5vsknk084sn02q")

KeyArgument = Annotated[str, typer.Argument(help="Id (key_…).", autocompletion=names_of(KEY))]
NameOption = Annotated[str | None, typer.Option("--name", help="Where it is used.")]
ExpiresOption = Annotated[
    str | None, typer.Option("--expires", help="Such as 90d, or 2027-01-31; never if unset.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--default-upload-profile",
        help="Id, or short name in --project; for uploads that name none.",
        autocompletion=names_of(UPLOAD_PROFILE),
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the key itself.")]


def new_key() -> None:
    """Print a fresh API key, for a bootstrap document to make good.

    Example:

      export PICSTORE_API_KEY=$(picstore new-key)
    """
    write(new_api_key(new_id(KeyId)).text)


@app.command("list", cls=RemoteCommand)
def list_keys(
    ctx: typer.Context,
    user: Annotated[
        str, typer.Option("--user", help="Only of this user.", autocompletion=names_of(USER))
    ] = "",
    live: Annotated[bool, typer.Option("--live", help="Only those that are accepted now.")] = False,
    limit: LimitOption = DEFAULT_LIMIT,
) -> None:
    """List the team's API keys.

    Example:

      picstore keys list --user ada@example.com --live
    """

    async def work(remote: Remote) -> tuple[list[ApiKey], bool]:
        user_id = await USER.id_of(remote.client, user) if user else ""
        request = KEY.list_request(user_id=user_id, live=live)
        return await first(remote.client.pages(LIST_API_KEYS, request), limit)

    print_list(ctx, KEY, run_remote(ctx, work))


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", help="In whose name; you yourself if unset.", autocompletion=names_of(USER)
        ),
    ] = None,
    name: NameOption = None,
    grant: GrantOption = None,
    inherit: Annotated[
        bool, typer.Option("--inherit", help="All that the user may do, also later.")
    ] = False,
    expires: ExpiresOption = None,
    default_upload_profile: ProfileOption = None,
    quiet: QuietOption = False,
) -> None:
    """Make an API key and print it: once, and never again.

    Examples:

      picstore keys create --user robot@example.com --grant image:create@blog --expires 90d

      export PICSTORE_API_KEY=$(picstore keys create --inherit --quiet)
    """
    if bool(grant) == inherit:
        raise typer.BadParameter("say what the key may do: by --grant, or --inherit for all")
    fields = given(display_name=name, inherit=inherit, expire_time=_expiry(expires))

    async def work(remote: Remote) -> CreateApiKeyResponse:
        key = ApiKey()
        parse_into(key, fields | await grants_of(remote, grant))
        key.user_id = (
            await USER.id_of(remote.client, user)
            if user
            else (await remote.client.get_principal()).user_id
        )
        if default_upload_profile:
            key.default_upload_profile_id = await _upload_profile(remote, default_upload_profile)
        return await remote.client.call(CREATE_API_KEY, CreateApiKeyRequest(api_key=key))

    _print_new(ctx, run_remote(ctx, work), quiet=quiet)


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    key: KeyArgument,
    name: NameOption = None,
    grant: GrantOption = None,
    expires: ExpiresOption = None,
    default_upload_profile: ProfileOption = None,
    file: FileOption = None,
) -> None:
    """Change an API key; the grants that are given replace those that there are.

    Example:

      picstore keys update key_01h455vb4pex5vsknk084sn02q --expires 30d
    """
    document: dict[str, Any] = read_document(file) if file else {}
    document |= given(display_name=name, expire_time=_expiry(expires))

    async def work(remote: Remote) -> ApiKey:
        whole = document | await grants_of(remote, grant)
        if default_upload_profile:
            found = await _upload_profile(remote, default_upload_profile)
            whole["default_upload_profile_id"] = found
        return await change(remote, KEY, key, UPDATE_API_KEY, something(whole))

    print_one(ctx, KEY, run_remote(ctx, work))


@app.command("rotate", cls=RemoteCommand)
def rotate(
    ctx: typer.Context,
    key: KeyArgument,
    overlap: Annotated[
        str | None,
        typer.Option("--overlap", help="How long the old one is still accepted, such as 24h."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Make a new key like an old one, which expires, and print the new one: once.

    Example:

      picstore keys rotate key_01h455vb4pex5vsknk084sn02q --overlap 24h
    """
    request = RotateApiKeyRequest(api_key_id=key)
    if length := parsed(span, overlap):
        duration = Duration()
        duration.FromTimedelta(length)
        request.overlap.CopyFrom(duration)

    async def work(remote: Remote) -> RotateApiKeyResponse:
        return await remote.client.call(ROTATE_API_KEY, request)

    _print_new(ctx, run_remote(ctx, work), quiet=quiet)


@app.command("revoke", cls=RemoteCommand)
def revoke(ctx: typer.Context, key: KeyArgument, yes: YesOption = False) -> None:
    """Revoke an API key, for good and everywhere at once.

    Example:

      picstore keys revoke key_01h455vb4pex5vsknk084sn02q --yes
    """
    confirm(f"Revoke the API key {key}?", yes=yes)

    async def work(remote: Remote) -> ApiKey:
        return await remote.client.call(REVOKE_API_KEY, RevokeApiKeyRequest(api_key_id=key))

    print_one(ctx, KEY, run_remote(ctx, work))


def _expiry(text: str | None) -> str | None:
    time = parsed(lambda words: coming(words, now=datetime.now(UTC)), text)
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp.ToJsonString()


async def _upload_profile(remote: Remote, name: str) -> str:
    project_id = await remote.project_id() if needs_project(UPLOAD_PROFILE, name) else ""
    return await UPLOAD_PROFILE.id_of(remote.client, name, project_id=project_id)


def _print_new(
    ctx: typer.Context, made: CreateApiKeyResponse | RotateApiKeyResponse, *, quiet: bool
) -> None:
    if form_of(ctx) is Form.JSON:
        write(json_text(made, indent=2))
        return
    write(made.credential)
    if not quiet:
        note(f"this is the key {made.api_key.id}; keep it safe, for it is not shown again")
