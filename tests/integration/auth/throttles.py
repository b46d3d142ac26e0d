"""Limits that no test reaches by accident."""

from __future__ import annotations

from picstore_auth.throttle import Throttle
from picstore_auth.usecases.authentication import CredentialThrottles


def out_of_reach() -> CredentialThrottles:
    """Return throttles that let a test fail as often as it likes."""
    return CredentialThrottles(
        credential=Throttle("1000 per 1 minute"), address=Throttle("1000 per 1 minute")
    )
