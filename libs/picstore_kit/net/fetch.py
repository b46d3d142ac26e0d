"""Fetching one small thing from a URL that somebody gave."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, Final

import certifi
import urllib3

from picstore_kit.net.egress import EgressPolicy
from picstore_kit.net.guarded import AnswerTooLate, AnswerTooLong, GuardedPoolManager

MAX_BYTES: Final = 1024 * 1024
"""Longest body that is looked at."""

_CONNECT_S: Final = 3.0
_READ_S: Final = 5.0
_ANSWER_S: Final = 10.0


class Unreachable(Exception):
    """Nothing usable came from the URL; the message says why, without what a server has sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a URL has answered."""

    status: int
    body: bytes
    content_type: str
    cache_control: str
    """Empty where the answer has no such header; so the content type."""


def ca_certificates() -> str:
    """Return the file of the authorities that are trusted: the system's own, where it has one."""
    return ssl.get_default_verify_paths().cafile or certifi.where()


def fetch(url: str, *, egress: EgressPolicy | None) -> Fetched:
    """Get a URL as any client would, without following redirects. Blocks.

    Without a policy it may be anywhere: for what the operator has set up.

    Raises:
        EndpointForbidden: The policy does not let us go there.
        Unreachable: There is no answer, or too much of one.
    """
    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": ca_certificates(),
        "retries": False,
    }
    with (
        GuardedPoolManager(egress, answer_s=_ANSWER_S, **options)
        if egress is not None
        else urllib3.PoolManager(**options)
    ) as http:
        return _fetched(http, url)


def _fetched(http: urllib3.PoolManager, url: str) -> Fetched:
    try:
        answer = http.request("GET", url, redirect=False, preload_content=False)
        try:
            body = _body(answer)
        finally:
            answer.close()
    except urllib3.exceptions.NameResolutionError:
        raise Unreachable("its host is not known") from None
    except (urllib3.exceptions.TimeoutError, AnswerTooLate):
        raise Unreachable("it does not answer in time") from None
    except urllib3.exceptions.SSLError:
        raise Unreachable("its certificate is not valid") from None
    except AnswerTooLong:
        raise Unreachable("its answer is too long") from None
    except urllib3.exceptions.HTTPError:
        raise Unreachable("it cannot be connected to") from None
    return Fetched(
        status=answer.status,
        body=body,
        content_type=answer.headers.get("Content-Type", ""),
        cache_control=answer.headers.get("Cache-Control", ""),
    )


def _body(answer: urllib3.BaseHTTPResponse) -> bytes:
    body = answer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise AnswerTooLong("the answer is too long")
    return body
