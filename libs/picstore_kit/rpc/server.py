"""The gRPC server of a service: its servicers, health, reflection, and what is around each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from picstore_kit.rpc.auth import Authenticator, access_rules
from picstore_kit.rpc.call import Interceptor
from picstore_kit.rpc.health import Health
from picstore_kit.rpc.interceptors.access_log import AccessLog
from picstore_kit.rpc.interceptors.authentication import Authentication
from picstore_kit.rpc.interceptors.chain import InterceptorChain
from picstore_kit.rpc.interceptors.deadline_guard import DeadlineGuard
from picstore_kit.rpc.interceptors.denied_audit import DenialSink, DeniedAudit
from picstore_kit.rpc.interceptors.error_translation import ErrorTranslation
from picstore_kit.rpc.interceptors.hearing_out import HearingOut
from picstore_kit.rpc.interceptors.load_shedding import LoadShedding
from picstore_kit.rpc.interceptors.request_context import RequestContext
from picstore_kit.rpc.interceptors.required_fields import RequiredFields
from picstore_kit.rpc.interceptors.tracing import Tracing
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from picstore_kit.settings import RPCSettings

log = structlog.get_logger(__name__)

Servicer = tuple[Callable[[Any, Any], object], object, str]
"""protoc's `add_…Servicer_to_server`, the servicer, and the full name of its service."""

_CONNECTION_IDLE_MS: Final = 1_800_000
_CONCURRENT_STREAMS: Final = 2048
"""Calls at once on one connection. Above what is served at once: those beyond would wait unseen in
the client, and a gateway has all of its calls on one connection, those that listen included."""
_WINDOW_BYTES: Final = 1024 * 1024
"""What a client may send of one stream before it is read: 20 MB/s at a round trip of 50 ms."""
_MIN_PING_INTERVAL_MS: Final = 30_000
"""Clients ping once a minute at most; twice as often is still not taken for an attack."""


def interceptors(
    settings: RPCSettings,
    *,
    service_names: Sequence[str],
    authenticator: Authenticator,
    verifier: ServiceTokenVerifier,
    denials: DenialSink | None = None,
) -> list[Interceptor]:
    """Return what is done around every call, outermost first. The order matters.

    Refusals are logged, measured and, where there are `denials`, noted for the audit log, so all of
    that comes before anything that refuses; everything that may raise is within the error
    translation; whoever is refused for load costs no authentication; and only callers who are
    admitted are told what is wrong with their request.
    """
    return [
        RequestContext(settings.trusted_proxies),
        Tracing(),
        AccessLog(),
        *([DeniedAudit(denials)] if denials is not None else []),
        ErrorTranslation(),
        HearingOut(),
        LoadShedding(settings.max_concurrent_rpcs, listeners=settings.max_listeners),
        DeadlineGuard(unary_s=settings.unary_deadline_s, stream_s=settings.stream_deadline_s),
        Authentication(access_rules(service_names), authenticator=authenticator, verifier=verifier),
        RequiredFields(),
    ]


class RPCServer:
    """Serves while it is entered; says NOT_SERVING until `serving` is called.

    Raises:
        KeyError: A service is not in the contract.
        ValueError: One of its methods does not say who may call it.
    """

    def __init__(
        self,
        settings: RPCSettings,
        *,
        servicers: Sequence[Servicer],
        authenticator: Authenticator,
        verifier: ServiceTokenVerifier,
        denials: DenialSink | None = None,
    ) -> None:
        self._settings = settings
        self._servicers = tuple(servicers)
        self._names = [name for _, _, name in servicers]
        self._chain = InterceptorChain(
            interceptors(
                settings,
                service_names=self._names,
                authenticator=authenticator,
                verifier=verifier,
                denials=denials,
            )
        )
        self._server: grpc.aio.Server | None = None
        self._address = settings.listen
        self.health = Health(self._names)

    @property
    def address(self) -> str:
        """Where the server listens, with the port that it got."""
        return self._address

    async def serving(self) -> None:
        """Say that calls are welcome; for `Lifecycle.on_warm`."""
        await self.health.serving()

    async def draining(self) -> None:
        """Say that no more calls are wanted; for `Lifecycle.on_drain`."""
        await self.health.draining()

    async def __aenter__(self) -> Self:
        server = grpc.aio.server(interceptors=[self._chain], options=_options(self._settings))
        for add, servicer, _ in self._servicers:
            add(servicer, server)
        await self.health.starting()
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, server)
        if self._settings.reflection:
            names = [*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME]
            reflection.enable_server_reflection(names, server)
        port = server.add_insecure_port(self._settings.listen)
        if not self._settings.listen.startswith("unix:"):
            self._address = f"{self._settings.listen.rpartition(':')[0]}:{port}"
        await server.start()
        self._server = server
        log.info("rpc.listening", address=self._address, services=self._names)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await self.draining()
            await self._server.stop(self._settings.stop_grace_s)


def _options(settings: RPCSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_receive_bytes),
        ("grpc.max_concurrent_streams", _CONCURRENT_STREAMS),
        # gRPC itself spreads the age by 10 %, so that clients do not come back all at once.
        ("grpc.max_connection_age_ms", int(settings.max_connection_age_s * 1000)),
        # A stream that is under way may end; its deadline is what bounds it.
        ("grpc.max_connection_age_grace_ms", int(settings.stream_deadline_s * 1000)),
        ("grpc.max_connection_idle_ms", _CONNECTION_IDLE_MS),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _MIN_PING_INTERVAL_MS),
        # A window that does not grow with the link: what a fast client sends ahead is memory here.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", _WINDOW_BYTES),
        # Two processes that share a port by mistake would each get half of the calls.
        ("grpc.so_reuseport", 0),
    ]
