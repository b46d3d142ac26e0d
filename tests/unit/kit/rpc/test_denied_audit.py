"""Which refused calls are noted for the audit log."""

from __future__ import annotations

from typing import Any, cast

import pytest

from picstore_kit.errors import (
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    Resource,
    Unauthenticated,
)
from picstore_kit.ids import TeamId, UserId
from picstore_kit.rpc.auth import Principal
from picstore_kit.rpc.call import Call
from picstore_kit.rpc.interceptors.denied_audit import DeniedAudit

ANN = Principal(team_id=TeamId("tem_1"), user_id=UserId("usr_ann"))
DENIED = PermissionDenied.missing("image:edit", resource=Resource(type="Image", name="img_1"))


class Sink:
    def __init__(self) -> None:
        self.noted: list[tuple[Principal, PicstoreError]] = []

    def note(self, principal: Principal, error: PicstoreError) -> None:
        self.noted.append((principal, error))


async def noted(principal: Principal | None, error: PicstoreError | None) -> list[Any]:
    """What is noted of a call of `principal` that fails with `error`."""
    sink = Sink()
    call = Call(
        method="/picstore.catalog.v1.ImageService/UpdateImage",
        known=True,
        streaming=False,
        request_streaming=False,
        metadata={},
        context=cast(Any, None),
        principal=principal,
    )

    async def serve() -> None:
        async with DeniedAudit(sink).around(call):
            if error is not None:
                call.error = error  # as the error translation does
                raise error

    if error is None:
        await serve()
    else:
        with pytest.raises(type(error)):
            await serve()
    return sink.noted


async def test_what_a_known_caller_may_not_do_is_noted() -> None:
    assert await noted(ANN, DENIED) == [(ANN, DENIED)]


async def test_a_service_that_calls_what_is_not_for_it_is_noted() -> None:
    error = PermissionDenied(Reason.SERVICE_ONLY, "not for you")
    upload = Principal(service="upload")
    assert await noted(upload, error) == [(upload, error)]


@pytest.mark.parametrize(
    "error", [Unauthenticated(Reason.CREDENTIAL_INVALID, "who?"), NotFound.of("Image", "img_1")]
)
async def test_other_errors_are_not_noted(error: PicstoreError) -> None:
    assert await noted(ANN, error) == []


async def test_what_nobody_known_asks_for_is_not_noted() -> None:
    assert await noted(None, DENIED) == []


async def test_what_succeeds_is_not_noted() -> None:
    assert await noted(ANN, None) == []
