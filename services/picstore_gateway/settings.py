"""What the gateway can be told from outside."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Final

from pydantic import AfterValidator, IPvAnyNetwork, NonNegativeFloat, PositiveInt

from picstore_kit.settings import ServiceSettings, SettingsGroup, TargetsSettings

TUS_MAX_BYTES: Final = 100_000_000
"""As the upload service allows, unless it is told otherwise."""

_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?|\*")


def _check_origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("must be `https://host` in lower case, with or without `:port`, or `*`")
    return text


class HTTPSettings(SettingsGroup):
    """The HTTP server."""

    listen: str = "127.0.0.1:8080"
    """Address to serve on, `host:port`; port 0 takes any free one."""
    stop_grace_s: NonNegativeFloat = 20
    """Seconds that running requests get to finish when the gateway stops."""
    idle_timeout_s: PositiveInt = 10
    """Seconds that a connection may wait for a request to begin, and then for its head to end."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1/128"),
    )
    """JSON list of the networks that the proxies before the gateway call from. Only what these say
    in `X-Forwarded-For` is believed."""


class CORSSettings(SettingsGroup):
    """Scripts of other origins."""

    origins: tuple[Annotated[str, AfterValidator(_check_origin)], ...] = ()
    """JSON list of the origins whose scripts may use the API and tus with a key of their own, such
    as `https://app.example`, or `*` for all. They are never served by the cookie."""


class TusSettings(SettingsGroup):
    """Uploads by tus."""

    max_bytes: PositiveInt = TUS_MAX_BYTES
    """Bytes that a file may have at most; no more than the upload service allows."""


class GatewaySettings(ServiceSettings):
    """Everything that the gateway can be told."""

    http: HTTPSettings = HTTPSettings()
    """The HTTP server."""
    cors: CORSSettings = CORSSettings()
    """Scripts of other origins."""
    tus: TusSettings = TusSettings()
    """Uploads by tus."""
    targets: TargetsSettings = TargetsSettings()
    """Where the services are."""
