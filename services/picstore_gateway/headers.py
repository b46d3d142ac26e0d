"""Header fields that stand for fields of the contract: `If-Match`, `Idempotency-Key` and others."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message

from picstore_gateway.routes import WHOLE_REQUEST, Route, field_at
from picstore_kit.errors import Aborted, InvalidField, Reason

IF_MATCH: Final = "If-Match"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
CONTENT_DIGEST: Final = "Content-Digest"

_ETAG: Final = re.compile(r'"(?P<etag>[!#-~]*)"')
_ANY: Final = "*"
_WEAK: Final = "W/"
_DIGEST: Final = re.compile(r"(?:^|,)\s*sha-256=(?P<value>[^,]*)")
_SHA256_BYTES: Final = 32


def take_headers(route: Route, request: Message, headers: Mapping[str, str]) -> None:
    """Set the fields of a request that its headers stand for; what the request says itself wins.

    Raises:
        Aborted: The etag is a weak one, which is never the same as another (RFC 9110, 13.1.1).
        InvalidField: The etag is no etag, more than one, or not the one that the request has.
    """
    key = headers.get(IDEMPOTENCY_KEY)
    if key and takes_key(route) and not getattr(request, "request_id"):  # noqa: B009
        setattr(request, "request_id", key)  # noqa: B010  # of whatever class it is
    text = headers.get(IF_MATCH, "").strip()
    if route.verb == "GET" or text in ("", _ANY):  # `*` says: if it is there at all
        return
    holder = _etag_holder(route, request)
    if holder is None:
        raise InvalidField("if-match", "must be left out: this operation has no etag")
    if text.startswith(_WEAK):
        raise Aborted(Reason.ETAG_MISMATCH, "a weak etag matches nothing")
    match = _ETAG.fullmatch(text)
    if match is None:
        raise InvalidField("if-match", "must be one etag in quotes, or *")
    if getattr(holder, "etag") not in ("", match["etag"]):  # noqa: B009
        raise InvalidField("if-match", "must be the etag that the request has elsewhere")
    setattr(holder, "etag", match["etag"])  # noqa: B010


def etag_header(message: Message) -> dict[str, str]:
    """Return the header that a response has for the `etag` in it."""
    etag = getattr(message, "etag", "")
    return {"etag": f'"{etag}"'} if etag else {}


def sha256_of(headers: Mapping[str, str]) -> bytes | None:
    """Return the SHA-256 of the body that `Content-Digest` (RFC 9530) gives, if it does.

    Raises:
        InvalidField: It is not written as it must be.
    """
    match = _DIGEST.search(headers.get(CONTENT_DIGEST, ""))
    if match is None:
        return None
    text = match["value"].strip()
    try:
        digest = base64.b64decode(text.strip(":"), validate=True)
    except ValueError:  # not base64, or not even ASCII
        digest = b""
    if len(digest) != _SHA256_BYTES or text != f":{text.strip(':')}:":
        raise InvalidField("content-digest", "must be sha-256=:…: as RFC 9530 says")
    return digest


def takes_key(route: Route) -> bool:
    """Whether a request of the route may carry an `Idempotency-Key`."""
    message = route.method.input_type
    if route.takes_bytes:
        header = field_at(message, "header").message_type
        assert header is not None  # the contract's own header is a message
        message = header
    return "request_id" in message.fields_by_name


def takes_etag(route: Route) -> bool:
    """Whether a request of the route may carry an etag to be done only if it is still right."""
    return not route.takes_bytes and _etag_holder(route, route.request_class()) is not None


def _etag_holder(route: Route, request: Message) -> Message | None:
    """Return the message with the etag: the request, or the object that its body is."""
    if route.creates or route.verb == "GET":
        return None
    holder = request
    if route.body not in ("", WHOLE_REQUEST):
        holder = getattr(request, route.body)
    return holder if "etag" in holder.DESCRIPTOR.fields_by_name else None
