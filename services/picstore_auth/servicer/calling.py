"""Who calls, as the use-cases take it."""

from __future__ import annotations

from picstore_auth.mapping.caller import caller_from
from picstore_auth.model.caller import Caller
from picstore_kit.rpc.auth import require_principal


def calling() -> Caller:
    """Return the user who calls.

    Raises:
        Unauthenticated: Nobody of a team calls.
    """
    return caller_from(require_principal())
