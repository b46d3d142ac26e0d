"""Tells what our own pages ask for from what other pages make a browser ask for.

A browser sends the cookie with every request, whichever page made it. Only a page of ours can read
the session's token, and only such a page can set the header that carries it. It is an HMAC with the
session's credential as the key, so nothing has to be kept for it, it ends with the session, and who
sees it learns nothing of the credential.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from starlette.requests import Request

from picstore_kit.credentials import SessionSecret
from picstore_kit.errors import PermissionDenied, Reason

HEADER: Final = "X-CSRF-Token"

_LABEL: Final = b"picstore csrf token v1"
_SAFE_VERBS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})
"""Of `Sec-Fetch-Site`; the second is said of what the user asked for without any page."""


def token_of(session: SessionSecret) -> str:
    """Return the token that goes with a session."""
    return hmac.new(session.text.encode("ascii"), _LABEL, hashlib.sha256).hexdigest()


def require_token(request: Request, session: SessionSecret) -> None:
    """Admit a request that is served by its cookie.

    Raises:
        PermissionDenied: It may change something, and it has not the token of the session or comes
            from a page that is not ours.
    """
    if request.method in _SAFE_VERBS:
        return
    require_own_page(request)
    sent = request.headers.get(HEADER, "")
    if not hmac.compare_digest(sent.encode(), token_of(session).encode()):
        raise _denied(HEADER, f"what changes something needs the session's token in {HEADER}")


def require_own_page(request: Request) -> None:
    """Admit a request whose page is of our own origin, as far as its browser tells.

    Raises:
        PermissionDenied: The browser says that the page is another's.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in _OWN_SITES:
        raise _denied("Sec-Fetch-Site", "the request was made by a page of another origin")
    origin = request.headers.get("origin")
    if origin is not None and not _is_ours(origin, request.headers.get("host", "")):
        raise _denied("Origin", "the request was made by a page of another origin")


def _is_ours(origin: str, host: str) -> bool:
    """Compare without the scheme: behind a proxy that ends TLS we do not know ours."""
    scheme, separator, authority = origin.partition("://")
    return bool(separator) and scheme in ("http", "https") and authority.lower() == host.lower()


def _denied(header: str, message: str) -> PermissionDenied:
    return PermissionDenied(Reason.CSRF_TOKEN_INVALID, message, metadata={"header": header})
