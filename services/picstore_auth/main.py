"""The composition root of auth: settings in, running service out."""

from __future__ import annotations

import sys
from typing import Final

from picstore.auth.v1 import (
    api_key_pb2_grpc,
    audit_pb2_grpc,
    authentication_pb2_grpc,
    bootstrap_pb2_grpc,
    invitation_pb2_grpc,
    role_pb2_grpc,
    session_pb2_grpc,
    team_pb2_grpc,
    user_pb2_grpc,
)
from picstore.catalog.v1 import reference_pb2_grpc
from picstore_auth.audit_log import LocalAuditLog
from picstore_auth.callers import LocalAuthenticator, LocalServiceCredentials, LocalVerificationKeys
from picstore_auth.catalog import CatalogReferences
from picstore_auth.model.session import SessionLifetimes
from picstore_auth.servicer.api_key import ApiKeyServicer
from picstore_auth.servicer.audit import AuditServicer
from picstore_auth.servicer.authentication import AuthenticationServicer, TokenServicer
from picstore_auth.servicer.bootstrap import BootstrapServicer
from picstore_auth.servicer.invitation import InvitationServicer
from picstore_auth.servicer.role import RoleServicer
from picstore_auth.servicer.session import SessionServicer
from picstore_auth.servicer.team import TeamServicer
from picstore_auth.servicer.user import UserServicer
from picstore_auth.settings import AuthSettings
from picstore_auth.throttle import Throttle
from picstore_auth.usecases.audit import Audit
from picstore_auth.usecases.authentication import Authentication, CredentialThrottles
from picstore_auth.usecases.bootstrap import Bootstrap
from picstore_auth.usecases.invitations import Invitations
from picstore_auth.usecases.keys import Keys
from picstore_auth.usecases.last_uses import LastUses
from picstore_auth.usecases.logins import Logins, LoginThrottles
from picstore_auth.usecases.passwords import Passwords
from picstore_auth.usecases.roles import Roles
from picstore_auth.usecases.sessions import Sessions
from picstore_auth.usecases.signing import SigningKeys
from picstore_auth.usecases.teams import Teams
from picstore_auth.usecases.tokens import Tokens
from picstore_auth.usecases.users import Users
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.publisher import Publisher
from picstore_kit.denials import Denials
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.pg.audit_relay import AuditRelay
from picstore_kit.pg.database import Database
from picstore_kit.pg.idempotency import purge_for_ever
from picstore_kit.pg.paging import Pager
from picstore_kit.pg.relay import OutboxRelay
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.health import ReadinessProbe
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from picstore_kit.sealing import Sealer

SERVICE: Final = "auth"
REFERENCES: Final = "picstore.catalog.v1.ReferenceService"


async def build(settings: AuthSettings, lifecycle: Lifecycle) -> None:
    """Open every component of the service."""
    database = await lifecycle.enter(
        Database(settings.postgres, schema=SERVICE, application_name="picstore-auth")
    )
    bus = await lifecycle.enter(Bus(settings.nats, name="picstore-auth"))
    lifecycle.spawn("outbox relay", OutboxRelay(database, Publisher(bus)).run())
    lifecycle.spawn("request ids", purge_for_ever(database))

    pager = Pager(settings.sealing.key_bytes()[settings.sealing.current])
    audit = Audit(database, pager)
    lifecycle.spawn("audit relay", AuditRelay(database, LocalAuditLog(audit)).run())
    denials = Denials(database)
    lifecycle.spawn("denials", denials.run())
    last_uses = await lifecycle.enter(LastUses(database))
    lifecycle.spawn("last uses", last_uses.run())
    limits = settings.rate_limits
    lifetimes = SessionLifetimes(idle=settings.sessions.idle, absolute=settings.sessions.absolute)
    authentication = Authentication(
        database,
        last_uses,
        CredentialThrottles(
            credential=Throttle(limits.credential_id), address=Throttle(limits.credential_address)
        ),
        session_idle=lifetimes.idle,
    )
    passwords = await lifecycle.enter(
        Passwords(
            time_cost=settings.passwords.time_cost,
            memory_kib=settings.passwords.memory_kib,
            parallelism=settings.passwords.parallelism,
        )
    )
    logins = Logins(
        database,
        passwords,
        throttles=LoginThrottles(
            account=Throttle(limits.login_account), address=Throttle(limits.login_address)
        ),
        lifetimes=lifetimes,
    )
    invitations = Invitations(database, pager, passwords, Throttle(limits.invitation_address))
    sessions = Sessions(database, pager, lifetimes=lifetimes)
    lifecycle.spawn("ended sessions", sessions.sweep())
    signing_keys = SigningKeys(
        database, Sealer(settings.sealing), pager, rotate_after=settings.rotate_after
    )
    # Made or opened now, so that a wrong sealing key stops the start and not the first caller.
    await signing_keys.signer()
    tokens = Tokens(signing_keys, secret_digests=settings.secret_digests)

    catalog = await lifecycle.enter(
        open_channel(
            settings.targets.catalog,
            services=[REFERENCES],
            credentials=LocalServiceCredentials(signing_keys, name=SERVICE),
        )
    )
    references = CatalogReferences(reference_pb2_grpc.ReferenceServiceStub(catalog))

    server = await lifecycle.enter(
        RPCServer(
            settings.rpc,
            servicers=[
                (
                    authentication_pb2_grpc.add_AuthenticationServiceServicer_to_server,
                    AuthenticationServicer(authentication),
                    "picstore.auth.v1.AuthenticationService",
                ),
                (
                    authentication_pb2_grpc.add_TokenServiceServicer_to_server,
                    TokenServicer(tokens, signing_keys),
                    "picstore.auth.v1.TokenService",
                ),
                (
                    session_pb2_grpc.add_SessionServiceServicer_to_server,
                    SessionServicer(sessions, logins),
                    "picstore.auth.v1.SessionService",
                ),
                (
                    invitation_pb2_grpc.add_InvitationServiceServicer_to_server,
                    InvitationServicer(invitations),
                    "picstore.auth.v1.InvitationService",
                ),
                (
                    team_pb2_grpc.add_TeamServiceServicer_to_server,
                    TeamServicer(Teams(database, pager)),
                    "picstore.auth.v1.TeamService",
                ),
                (
                    user_pb2_grpc.add_UserServiceServicer_to_server,
                    UserServicer(Users(database, pager)),
                    "picstore.auth.v1.UserService",
                ),
                (
                    role_pb2_grpc.add_RoleServiceServicer_to_server,
                    RoleServicer(Roles(database, pager, references)),
                    "picstore.auth.v1.RoleService",
                ),
                (
                    api_key_pb2_grpc.add_ApiKeyServiceServicer_to_server,
                    ApiKeyServicer(Keys(database, pager, references)),
                    "picstore.auth.v1.ApiKeyService",
                ),
                (
                    audit_pb2_grpc.add_AuditServiceServicer_to_server,
                    AuditServicer(audit),
                    "picstore.auth.v1.AuditService",
                ),
                (
                    bootstrap_pb2_grpc.add_BootstrapServiceServicer_to_server,
                    BootstrapServicer(Bootstrap(database)),
                    "picstore.auth.v1.BootstrapService",
                ),
            ],
            authenticator=LocalAuthenticator(authentication),
            verifier=ServiceTokenVerifier(LocalVerificationKeys(signing_keys)),
            denials=denials,
        )
    )
    probe = ReadinessProbe(server.health, {"postgres": database.check})
    lifecycle.spawn("readiness", probe.run())
    lifecycle.on_warm(server.serving)
    lifecycle.on_drain(server.draining)


def main() -> int:
    """Run auth; the return value is the exit code."""
    return service_main(SERVICE, AuthSettings, build)


if __name__ == "__main__":
    sys.exit(main())
