"""Downloading one file from a URL that somebody gave, in pieces and without being kept hanging.

Redirects are followed by hand, so that each hop is checked as the first one was: by its spelling,
and again by the address that it is connected to (`picstore_kit.net.guarded`). No cookie, no proxy
of the environment and no credential goes along. Everything here blocks, for at most as long as
`DownloadTimes` allows; `Download.interrupt` ends it from another thread.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import urljoin, urlsplit

import urllib3

from picstore_kit.net.egress import EgressPolicy, EndpointForbidden
from picstore_kit.net.fetch import ca_certificates
from picstore_kit.net.guarded import AnswerTooLate, GuardedPoolManager
from picstore_kit.net.urls import host_of, url_fault

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PLAIN: Final = frozenset({"", "identity"})


class Fault(Enum):
    """Why nothing comes of a URL."""

    FORBIDDEN = auto()
    """It leads to what may not be connected to."""
    UNKNOWN_HOST = auto()
    UNREACHABLE = auto()
    """It cannot be connected to, breaks off, or speaks no HTTP."""
    LATE = auto()
    CERTIFICATE = auto()
    REDIRECTS = auto()
    """There are too many of them, or one leads to no URL, or from https to http."""
    STATUS = auto()
    """It answers with an error."""
    ENCODED = auto()
    """It sends the file compressed, although nobody asked for that."""
    CUT = auto()
    """The body ends before it is whole."""


class DownloadFailed(Exception):
    """Nothing usable came; the message says why, without what a server has sent and any query."""

    def __init__(
        self,
        fault: Fault,
        message: str,
        *,
        host: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.host = host
        self.status = status
        self.retry_after = retry_after
        """Seconds after which the server wants to be asked again, where it says so."""
        self.seconds = seconds
        """What was waited for, where it took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadTimes:
    """How long a server may take; all in seconds."""

    connect_s: float = 3.0
    answer_s: float = 10.0
    """Until the header of an answer is there."""
    stall_s: float = 20.0
    """Without a byte of the body."""
    whole_s: float = 300.0
    """From the beginning to the last byte."""


class Download:
    """One answer that has begun, with its body still to come; a context manager."""

    def __init__(
        self,
        answer: urllib3.BaseHTTPResponse,
        http: urllib3.PoolManager,
        url: str,
        *,
        times: DownloadTimes,
        deadline: float,
    ) -> None:
        self._answer = answer
        self._http = http
        self._times = times
        self._deadline = deadline
        self.url: Final = url
        """Where it came from in the end."""
        self.host: Final = host_of(url)
        self.size: Final = _size(answer.headers)
        """Bytes that are announced; None where none are."""
        self.content_type: Final = answer.headers.get("Content-Type", "").partition(";")[0].strip()

    def read(self, limit: int) -> bytes:
        """Return at most `limit` of the next bytes; nothing at the end. Blocks.

        Raises:
            DownloadFailed: The body is late, or ends before it is whole.
        """
        if time.monotonic() > self._deadline:
            raise _late(self.host, self._times.whole_s)
        try:
            return self._answer.read1(limit, decode_content=False)
        except urllib3.exceptions.TimeoutError:
            raise _late(self.host, self._times.stall_s) from None
        except urllib3.exceptions.HTTPError:
            raise DownloadFailed(
                Fault.CUT, f"{self.host} broke off before the file was whole", host=self.host
            ) from None

    def interrupt(self) -> None:
        """Make a `read` in another thread end soon, with any outcome."""
        try:
            self._answer.shutdown()
        except (OSError, RuntimeError, ValueError):
            return  # it has ended by itself

    def close(self) -> None:
        """Let go of the connection."""
        self._answer.close()
        self._http.clear()


def download(
    url: str,
    *,
    egress: EgressPolicy,
    times: DownloadTimes,
    headers: Mapping[str, str],
    max_redirects: int,
) -> Download:
    """Ask for a URL that has no `url_fault`, and return the answer when its header is there.

    It is to be closed. Blocks, for the times of each hop.

    Raises:
        DownloadFailed: There is no answer that a file comes with.
    """
    deadline = time.monotonic() + times.whole_s
    http = GuardedPoolManager(
        egress,
        answer_s=times.answer_s,
        timeout=urllib3.Timeout(connect=times.connect_s, read=times.stall_s),
        cert_reqs="CERT_REQUIRED",
        ca_certs=ca_certificates(),
        retries=False,
        headers={"Accept-Encoding": "identity", **headers},
    )
    try:
        for _ in range(max_redirects + 1):
            answer = _ask(http, url, egress, times)
            if answer.status not in _REDIRECTS:
                _check(answer, host_of(url))
                return Download(answer, http, url, times=times, deadline=deadline)
            answer.close()
            url = _next(url, answer.headers.get("Location", ""))
            if time.monotonic() > deadline:
                raise _late(host_of(url), times.whole_s)
        raise DownloadFailed(
            Fault.REDIRECTS, f"it is redirected more than {max_redirects} times", host=host_of(url)
        )
    except BaseException:
        http.clear()
        raise


def _ask(
    http: urllib3.PoolManager, url: str, egress: EgressPolicy, times: DownloadTimes
) -> urllib3.BaseHTTPResponse:
    host = host_of(url)
    if egress.fault(url) is not None:
        raise _forbidden(host)
    try:
        return http.request("GET", url, redirect=False, preload_content=False)
    except EndpointForbidden:
        raise _forbidden(host) from None
    except urllib3.exceptions.NameResolutionError as error:
        if getattr(error.__cause__, "errno", None) == socket.EAI_AGAIN:
            raise DownloadFailed(
                Fault.UNREACHABLE, f"{host} cannot be looked up now", host=host
            ) from None
        raise DownloadFailed(Fault.UNKNOWN_HOST, f"{host} is not known", host=host) from None
    except urllib3.exceptions.LocationValueError:
        raise DownloadFailed(Fault.UNKNOWN_HOST, f"{host} is not known", host=host) from None
    except urllib3.exceptions.NewConnectionError:  # which urllib3 takes for a timeout, too
        raise _unreachable(host) from None
    except urllib3.exceptions.ConnectTimeoutError:
        raise _late(host, times.connect_s) from None
    except (urllib3.exceptions.TimeoutError, AnswerTooLate):
        raise _late(host, times.answer_s) from None
    except urllib3.exceptions.SSLError:
        raise DownloadFailed(
            Fault.CERTIFICATE, f"the certificate of {host} is not valid", host=host
        ) from None
    except (urllib3.exceptions.HTTPError, UnicodeError):
        raise _unreachable(host) from None


def _check(answer: urllib3.BaseHTTPResponse, host: str) -> None:
    """Refuse an answer that no file comes with."""
    if answer.status != 200:
        answer.close()
        raise DownloadFailed(
            Fault.STATUS,
            f"{host} answers with status {answer.status}",
            host=host,
            status=answer.status,
            retry_after=_seconds(answer.headers.get("Retry-After", "")),
        )
    if answer.headers.get("Content-Encoding", "").strip().lower() not in _PLAIN:
        answer.close()
        raise DownloadFailed(
            Fault.ENCODED, f"{host} sends the file compressed, which nobody asked for", host=host
        )


def _next(url: str, location: str) -> str:
    """Return where an answer redirects to, if that is a URL to go to."""
    host = host_of(url)
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if not location or url_fault(target) is not None:
        raise DownloadFailed(Fault.REDIRECTS, f"{host} redirects to what is no URL", host=host)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise DownloadFailed(
            Fault.REDIRECTS,
            f"{host} redirects from https to http, which is not followed",
            host=host,
        )
    return target


def _forbidden(host: str) -> DownloadFailed:
    return DownloadFailed(
        Fault.FORBIDDEN, f"{host} is not a host that everybody can reach", host=host
    )


def _unreachable(host: str) -> DownloadFailed:
    return DownloadFailed(Fault.UNREACHABLE, f"{host} cannot be connected to", host=host)


def _late(host: str, seconds: float) -> DownloadFailed:
    return DownloadFailed(
        Fault.LATE, f"{host} takes longer than {seconds:g} seconds", host=host, seconds=seconds
    )


def _size(headers: Mapping[str, str]) -> int | None:
    """Return the announced length, if there is one that can be believed to be meant."""
    text = headers.get("Content-Length", "").strip()
    if "Transfer-Encoding" in headers:  # then it means nothing
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _seconds(text: str) -> float | None:
    """Read a Retry-After in seconds; a date is not worth trusting the other's clock for."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
