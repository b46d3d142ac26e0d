"""A form with one file in it, read as it comes: the file is never held, nor written to disk."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from picstore_kit.errors import InvalidArgument, InvalidField, Reason

_MAX_FIELD_BYTES: Final = 16 * 1024
_MAX_HEADER_BYTES: Final = 8 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFile:
    """The file of a form, and the fields that came before it."""

    filename: str
    content_type: str
    fields: dict[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(slots=True)
class _Part:
    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""
    filename: str | None = None
    data: bytearray = field(default_factory=bytearray)


class FormReader:
    """Reads a `multipart/form-data` body up to its file, then hands the file out in chunks."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        """Begin to read.

        Raises:
            InvalidField: The content type names no boundary.
        """
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise InvalidField("content-type", "must name the boundary of the form")
        self._body = body
        self._fields: dict[str, str] = {}
        self._part = _Part()
        self._header = (bytearray(), bytearray())
        self._in_file = False
        self._file_ended = False
        self._chunks: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
            },
        )

    async def file(self) -> FormFile:
        """Read as far as the file.

        Raises:
            InvalidArgument: The form is broken, too large before its file, or has no file.
        """
        async for block in self._body:
            self._feed(block)
            if self._in_file:
                return FormFile(
                    filename=self._part.filename or "",
                    content_type=self._part.headers.get("content-type", ""),
                    fields=self._fields,
                    chunks=self._rest(),
                )
        raise InvalidField("body", "must be a form with a file in it")

    async def _rest(self) -> AsyncGenerator[bytes, None]:
        while True:
            for chunk in self._chunks:
                yield chunk
            self._chunks.clear()
            if self._file_ended:
                break
            block = await anext(self._body, None)
            if block is None:
                raise InvalidArgument(
                    Reason.UPLOAD_INCOMPLETE, "the form ended before its file did"
                )
            self._feed(block)
        async for block in self._body:
            self._feed(block)

    def _feed(self, block: bytes) -> None:
        try:
            self._parser.write(block)
        except MultipartParseError as error:
            raise InvalidField("body", "must be a well-formed form") from error

    def _on_part_begin(self) -> None:
        if self._file_ended:
            raise InvalidField("body", "must have nothing after its file")
        self._part = _Part()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header[0], data[start:end], _MAX_HEADER_BYTES)

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header[1], data[start:end], _MAX_HEADER_BYTES)

    def _on_header_end(self) -> None:
        name, value = (bytes(part).decode("latin-1") for part in self._header)
        self._part.headers[name.lower()] = value
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        disposition = self._part.headers.get("content-disposition", "")
        _, options = parse_options_header(disposition)
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            self._part.filename = options[b"filename"].decode("utf-8", "replace")
            self._in_file = True

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._chunks.append(data[start:end])
        else:
            self._grow(self._part.data, data[start:end], _MAX_FIELD_BYTES)

    def _on_part_end(self) -> None:
        if self._in_file:
            self._file_ended = True
        else:
            self._fields[self._part.name] = self._part.data.decode("utf-8", "replace")

    @staticmethod
    def _grow(buffer: bytearray, data: bytes, limit: int) -> None:
        if len(buffer) + len(data) > limit:
            raise InvalidField("body", f"must not have fields or headers over {limit} bytes")
        buffer += data
