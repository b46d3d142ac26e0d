"""What the gateway can be told from outside."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from pydantic import IPvAnyNetwork, NonNegativeFloat, PositiveInt

from picstore_kit.settings import ServiceSettings, SettingsGroup, TargetsSettings


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


class GatewaySettings(ServiceSettings):
    """Everything that the gateway can be told."""

    http: HTTPSettings = HTTPSettings()
    """The HTTP server."""
    targets: TargetsSettings = TargetsSettings()
    """Where the services are."""
