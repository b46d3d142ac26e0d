"""What a process can be told from outside: one frozen group per concern, read from `PICSTORE_…`.

A service's `settings.py` derives from `ServiceSettings` and adds the groups it needs:

    class CatalogSettings(ServiceSettings):
        postgres: PostgresSettings
        nats: NATSSettings = NATSSettings()

`PICSTORE_POSTGRES__DSN` then sets `postgres.dsn`. Only a `main.py` reads settings; everything else
is handed the group it needs. Defaults suit one developer's machine.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from textwrap import indent
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SourceError

_PREFIX: Final = "PICSTORE_"
_DELIMITER: Final = "__"
_USER_INFO: Final = re.compile(r"(?<=://)[^/@\s]+@")


_OPENING: Final = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+\]|[0-9.]+/[0-9]{1,2}|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?"
    r"|[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?"
)


def _check_opening(text: str) -> str:
    if not _OPENING.fullmatch(text):
        raise ValueError("must be a host, an address or a CIDR, with or without `:port`")
    return text


class SettingsError(Exception):
    """The environment does not make usable settings; the message names each variable at fault."""


class SettingsGroup(BaseModel):
    """Settings of one concern; a misspelt variable of the group is an error, not ignored."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class PostgresSettings(SettingsGroup):
    """The database of one service."""

    dsn: SecretStr
    """Connection string of the service's login role."""
    pool_min: NonNegativeInt = 2
    """Connections kept open."""
    pool_max: PositiveInt = 10
    """Connections at most; further work waits for one."""
    connection_wait_s: PositiveFloat = 3
    """Seconds that work waits for one of them; then it is refused, and its caller may try again."""
    statement_timeout_s: PositiveFloat = 15
    """Seconds after which Postgres cancels one statement."""

    @model_validator(mode="after")
    def _pool_bounds(self) -> Self:
        if self.pool_min > self.pool_max:
            raise ValueError("pool_min must not be greater than pool_max")
        return self


class NATSSettings(SettingsGroup):
    """The message bus."""

    url: str = Field(default="nats://127.0.0.1:4222", repr=False)
    """Server, or several separated by commas; may carry `user:password@`, which is never shown."""
    connect_timeout_s: PositiveFloat = 5
    """Seconds to wait for one server to accept the connection."""
    publish_timeout_s: PositiveFloat = 5
    """Seconds to wait for JetStream to confirm that it stored a message."""
    replicas: PositiveInt = 1
    """Servers that keep each stream, where a lost one has to be declared again."""


class RPCSettings(SettingsGroup):
    """The gRPC server of a service."""

    listen: str = "127.0.0.1:0"
    """Address to serve on, `host:port` or `unix:path`; port 0 takes any free one."""
    max_receive_bytes: PositiveInt = 4 * 1024 * 1024
    """Size of the largest message that is accepted."""
    max_concurrent_rpcs: PositiveInt = 512
    """Calls served at once; more are refused with RESOURCE_EXHAUSTED instead of queueing."""
    max_listeners: PositiveInt = 1024
    """Besides them, calls that only listen to a stream, served at once."""
    reflection: bool = True
    """Whether clients may ask the server for its contract."""
    unary_deadline_s: PositiveFloat = 60
    """Seconds that a call may take at most, whatever deadline its caller set."""
    stream_deadline_s: PositiveFloat = 900
    """Seconds that a streaming call may take at most, whatever deadline its caller set."""
    max_connection_age_s: PositiveFloat = 300
    """Seconds after which a client must reconnect, and so finds servers that were added."""
    stop_grace_s: NonNegativeFloat = 20
    """Seconds that running calls get to finish when the service stops."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1/128"),
    )
    """JSON list of the networks that the gateway and the other services call from. Peers there are
    believed from where their own callers call, which rate limits and the audit log go by."""


class ServiceIdentitySettings(SettingsGroup):
    """Who this service is to the others; exchanged with auth for short-lived tokens."""

    name: str
    """Name that auth knows the service by, such as `catalog`."""
    secret: SecretStr
    """The service's secret, as configured in auth."""


class TargetsSettings(SettingsGroup):
    """Where the other services are, as gRPC targets such as `dns:///catalog.picstore.svc:50051`."""

    auth: str = "127.0.0.1:50051"
    """The auth service."""
    catalog: str = "127.0.0.1:50052"
    """The catalog service."""
    upload: str = "127.0.0.1:50053"
    """The upload service."""


class SealingSettings(SettingsGroup):
    """Keys under which secrets are encrypted before they are stored."""

    keys: Annotated[Mapping[str, SecretStr], NoDecode]
    """JSON object of key id to base64 of 32 random bytes; old keys stay until nothing uses them."""
    current: str
    """Id of the key that seals from now on."""

    @field_validator("keys", mode="before")
    @classmethod
    def _keys_are_json(cls, keys: object) -> object:
        if not isinstance(keys, str):
            return keys
        try:
            return json.loads(keys)
        except json.JSONDecodeError:
            raise ValueError("must be a JSON object") from None

    @field_validator("keys")
    @classmethod
    def _keys_are_256_bit(cls, keys: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for key_id, key in keys.items():
            try:
                size = len(base64.b64decode(key.get_secret_value(), validate=True))
            except binascii.Error:
                raise ValueError(f"key {key_id!r} must be base64") from None
            if size != 32:
                raise ValueError(f"key {key_id!r} must hold 32 bytes, not {size}")
        return keys

    @model_validator(mode="after")
    def _current_is_known(self) -> Self:
        if self.current not in self.keys:
            raise ValueError(f"current names the key {self.current!r}, which is not among the keys")
        return self

    def key_bytes(self) -> dict[str, bytes]:
        """Return the raw 32 bytes of every key by its id."""
        return {
            key_id: base64.b64decode(key.get_secret_value()) for key_id, key in self.keys.items()
        }


class EgressSettings(SettingsGroup):
    """Where teams may make us connect to: the endpoints and public URLs of their own locations."""

    allowed: tuple[Annotated[str, AfterValidator(_check_opening)], ...] = ()
    """JSON list of hosts, addresses or CIDRs, each with or without `:port`, that are allowed beyond
    the public internet, such as `["minio.lan:9000", "10.1.0.0/16"]`; any scheme and port is."""
    allow_http: bool = False
    """Whether public hosts may be reached without TLS."""
    ports: tuple[PositiveInt, ...] = (80, 443)
    """JSON list of the ports of public hosts that may be reached."""


class TelemetrySettings(SettingsGroup):
    """Logs, traces and metrics."""

    log_format: Literal["json", "console"] = "console"
    """`json` for machines, `console` for people."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is written."""
    otlp_endpoint: str | None = None
    """OTLP/gRPC collector for traces, such as `http://127.0.0.1:4317`; unset turns tracing off."""
    metrics_listen: str | None = None
    """`host:port` to serve Prometheus metrics on; unset turns metrics off."""


class ServiceSettings(BaseSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter=_DELIMITER,
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    rpc: RPCSettings = RPCSettings()
    """The gRPC server."""
    telemetry: TelemetrySettings = TelemetrySettings()
    """Logs, traces and metrics."""
    drain_delay_s: NonNegativeFloat = 3
    """Seconds between saying "not serving" and closing, for balancers to look elsewhere."""


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load(kind: type[SettingsT]) -> SettingsT:
    """Read settings of `kind` from the environment.

    Raises:
        SettingsError: Variables are missing, misspelt or wrong; all of them are named at once.
    """
    try:
        return kind()
    except ValidationError as error:
        complaints = [line for detail in error.errors() for line in _complaints(kind, detail)]
    except SourceError as error:
        complaints = [str(error)]
    raise SettingsError("\n  ".join(["these settings are not usable:", *complaints]))


def render_settings(settings: ServiceSettings) -> str:
    """Return `settings` as the variables that would set them, with secrets masked."""
    return "\n".join(
        f"{name}={_USER_INFO.sub('***@', value)}" for name, value in _variables((), settings)
    )


def print_settings(settings: ServiceSettings) -> None:
    """Write `settings` to standard output as environment variables, with secrets masked."""
    print(render_settings(settings))


def describe_settings(kind: type[ServiceSettings]) -> str:
    """Return the name, default and meaning of every variable that `kind` reads."""
    return "\n".join(
        f"  {variable_name(path)}{_default_of(field)}\n" + indent(field.description or "", " " * 6)
        for path, field in _leaves((), kind)
    )


def variable_name(path: tuple[str, ...]) -> str:
    """Return the environment variable that sets the field at `path`."""
    return _PREFIX + _DELIMITER.join(path).upper()


def _complaints(kind: type[BaseModel], detail: ErrorDetails) -> Iterator[str]:
    path = tuple(str(part) for part in detail["loc"])
    group = _group_at(kind, path)
    if detail["type"] == "missing" and group is not None:
        for leaf, field in _leaves(path, group):
            if field.is_required():
                yield f"{variable_name(leaf)} is missing"
    elif detail["type"] == "missing":
        yield f"{variable_name(path)} is missing"
    elif detail["type"] == "extra_forbidden":
        yield f"{variable_name(path)} is not a setting"
    else:
        yield f"{variable_name(path)}: {detail['msg'].removeprefix('Value error, ')}"


def _group_at(kind: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel] | None:
    group: type[BaseModel] | None = kind
    for part in path:
        field = group.model_fields.get(part) if group else None
        group = _group_of(field) if field else None
    return group


def _group_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _leaves(
    path: tuple[str, ...], kind: type[BaseModel]
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in kind.model_fields.items():
        group = _group_of(field)
        if group is None:
            yield (*path, name), field
        else:
            yield from _leaves((*path, name), group)


def _variables(path: tuple[str, ...], group: BaseModel) -> Iterator[tuple[str, str]]:
    dumped = group.model_dump(mode="json")
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            yield from _variables((*path, name), value)
        elif value is not None:
            yield variable_name((*path, name)), _as_text(dumped[name])


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return " (required)"
    default = field.get_default(call_default_factory=True, validated_data={})
    return "" if default is None else f"={_as_text(default)}"


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
