"""The order of the interceptors."""

from __future__ import annotations

from picstore_kit.errors import PicstoreError
from picstore_kit.rpc.auth import Principal
from picstore_kit.rpc.interceptors.access_log import AccessLog
from picstore_kit.rpc.interceptors.authentication import Authentication
from picstore_kit.rpc.interceptors.deadline_guard import DeadlineGuard
from picstore_kit.rpc.interceptors.denied_audit import DeniedAudit
from picstore_kit.rpc.interceptors.error_translation import ErrorTranslation
from picstore_kit.rpc.interceptors.hearing_out import HearingOut
from picstore_kit.rpc.interceptors.load_shedding import LoadShedding
from picstore_kit.rpc.interceptors.request_context import RequestContext
from picstore_kit.rpc.interceptors.required_fields import RequiredFields
from picstore_kit.rpc.interceptors.tracing import Tracing
from picstore_kit.rpc.server import interceptors
from picstore_kit.rpc.tokens import ServiceTokenVerifier, VerificationKey
from picstore_kit.settings import RPCSettings


class Nobody:
    def note(self, principal: Principal, error: PicstoreError) -> None:
        pass

    async def authenticate(self, credential: str) -> Principal:
        return Principal()

    async def fetch(self) -> list[VerificationKey]:
        return []


def test_interceptors_are_in_the_order_that_refusals_and_logs_need() -> None:
    chain = interceptors(
        RPCSettings(),
        service_names=[],
        authenticator=Nobody(),
        verifier=ServiceTokenVerifier(Nobody()),
        denials=Nobody(),
    )
    assert [type(interceptor) for interceptor in chain] == [
        RequestContext,
        Tracing,
        AccessLog,
        DeniedAudit,
        ErrorTranslation,
        HearingOut,
        LoadShedding,
        DeadlineGuard,
        Authentication,
        RequiredFields,
    ]
