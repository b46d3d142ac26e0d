"""Keyset paging with opaque tokens, after AIP-158.

    request = pager.open(page_size=…, page_token=…, scope=(team_id, project_id, filter))
    rows = …  # WHERE (%(after)s::text IS NULL OR id > %(after)s) ORDER BY id LIMIT request.limit
    page = pager.close(request, rows, cursor=lambda row: (row.id,))

The token holds where the page ended, not how far the list was read: rows that come and go between
two pages neither repeat nor hide others. It is authenticated together with the scope, so a token of
another team, or of other filters, is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from picstore_kit.errors import FieldViolation, InvalidArgument, InvalidField, Reason

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 500

_MAC_BYTES: Final = 16
_PURPOSE: Final = b"picstore page token 1"

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What a query needs to know of the page that is asked for."""

    size: int
    after: tuple[str, ...] | None
    """Key of the last row of the page before; None on the first page."""
    scope_hash: bytes

    @property
    def limit(self) -> int:
        """Rows to fetch: one more than the page has, to see whether another page follows."""
        return self.size + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[RowT]):
    """Rows of one page, and the token of the next; empty on the last."""

    rows: Sequence[RowT]
    next_page_token: str


class Pager:
    """Makes and reads page tokens; every replica of a service needs the same `secret`."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def open(self, *, page_size: int, page_token: str, scope: Sequence[str]) -> PageRequest:
        """Read the paging fields of a request.

        `page_size` 0 means the default and more than the maximum means the maximum. `scope` is
        everything else that decides which rows are listed and in which order; only the page size
        may differ between the pages of one list.

        Raises:
            InvalidField: `page_size` is negative.
            InvalidArgument: The token is not one of ours, or of another list
                (PAGE_TOKEN_INVALID).
        """
        if page_size < 0:
            raise InvalidField("page_size", "must not be negative")
        scope_hash = _hash(scope)
        return PageRequest(
            size=min(page_size or DEFAULT_SIZE, MAX_SIZE),
            after=self._read(page_token, scope_hash) if page_token else None,
            scope_hash=scope_hash,
        )

    def close(
        self,
        request: PageRequest,
        rows: Sequence[RowT],
        *,
        cursor: Callable[[RowT], tuple[str, ...]],
    ) -> Page[RowT]:
        """Cut `request.limit` fetched rows to a page; `cursor` is the sort key of a row as text."""
        if len(rows) <= request.size:
            return Page(rows=rows, next_page_token="")
        kept = rows[: request.size]
        return Page(rows=kept, next_page_token=self._write(cursor(kept[-1]), request.scope_hash))

    def _write(self, after: tuple[str, ...], scope_hash: bytes) -> str:
        position = json.dumps(after, separators=(",", ":")).encode()
        token = self._mac(position, scope_hash) + position
        return base64.urlsafe_b64encode(token).rstrip(b"=").decode()

    def _read(self, token: str, scope_hash: bytes) -> tuple[str, ...]:
        try:
            raw = base64.b64decode(
                token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, UnicodeEncodeError):
            raise _invalid() from None
        mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(position, scope_hash)):
            raise _invalid()
        return tuple(json.loads(position))

    def _mac(self, position: bytes, scope_hash: bytes) -> bytes:
        return hmac.digest(self._key, scope_hash + position, "sha256")[:_MAC_BYTES]


def _hash(scope: Sequence[str]) -> bytes:
    return hashlib.sha256(json.dumps(list(scope)).encode()).digest()


def _invalid() -> InvalidArgument:
    return InvalidArgument(
        Reason.PAGE_TOKEN_INVALID,
        "page_token is not one that this list gave; start again without it",
        metadata={"field": "page_token"},
        violations=[FieldViolation(field="page_token", description="is of another list")],
    )
