"""Turns what handlers raise into a status; of what nobody expected only an incident id gets out."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog
from grpc_status import rpc_status

from picstore_kit.errors import Internal, PicstoreError
from picstore_kit.rpc.call import Call
from picstore_kit.rpc.status import to_status

log = structlog.get_logger(__name__)


class ErrorTranslation:
    """Ends failed calls with a `google.rpc.Status`."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Abort the call where the handler raises."""
        try:
            yield
        except (grpc.aio.AbortError, grpc.aio.InternalError):
            # Aborted already, or the caller has gone away: there is nobody to tell.
            raise
        except Exception as error:
            call.error = _expected(error) or _incident(error)
            status = rpc_status.to_status(to_status(call.error))
            await call.context.abort(
                status.code,
                status.details,
                (*call.context.trailing_metadata(), *status.trailing_metadata),
            )


def _expected(error: BaseException) -> PicstoreError | None:
    """Return the error that was meant for the caller, also from within a task group."""
    if isinstance(error, Internal) and "incident_id" not in error.metadata:
        return None
    if isinstance(error, PicstoreError):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = [_expected(inner) for inner in error.exceptions]
        # One unexpected error among them is what the operator must hear of.
        return None if None in found else found[0]
    return None


def _incident(error: Exception) -> PicstoreError:
    incident_id = uuid.uuid4().hex[:12]
    log.error("rpc.failed", incident=incident_id, exc_info=error)
    return Internal.incident(incident_id)
