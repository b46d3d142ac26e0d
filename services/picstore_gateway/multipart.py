"""A form with one file in it, read as it comes: the file is never held, nor written to disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from picstore_kit.errors import InvalidArgument, InvalidField, Reason

_MAX_HELD_BYTES: Final = 64 * 1024
"""What all headers and fields of a form may come to."""


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
    filename: str = ""
    value: bytearray = field(default_factory=bytearray)


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
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._held_bytes = 0
        self._file: _Part | None = None
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
            if self._file is not None:
                return FormFile(
                    filename=self._file.filename,
                    content_type=self._file.headers.get("content-type", ""),
                    fields=self._fields,
                    chunks=self._file_chunks(),
                )
        raise InvalidField("body", "must be a form with a file in it")

    async def _file_chunks(self) -> AsyncIterator[bytes]:
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
        # To the end, for a second file or a late field must not pass unseen.
        async for block in self._body:
            self._feed(block)

    def _feed(self, block: bytes) -> None:
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise InvalidField("body", "must be a well-formed form") from error

    def _on_part_begin(self) -> None:
        self._part = _Part()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._hold(self._header_name, data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._hold(self._header_value, data[start:end])

    def _on_header_end(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._part.headers[name] = self._header_value.decode("latin-1")
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        disposition = self._part.headers.get("content-disposition", "")
        # Browsers write names in UTF-8 there, with only quotes and line ends escaped.
        _, options = parse_options_header(disposition.encode("latin-1"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        is_file = b"filename" in options
        if self._file_ended:
            late = "must be the only file of the form" if is_file else "must come before the file"
            raise InvalidField(name or "body", late)
        if name in self._fields:
            raise InvalidField(name, "must be given once")
        self._part.name = name
        if is_file:
            self._part.filename = options[b"filename"].decode("utf-8", "replace")
            self._file = self._part

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is self._file:
            self._chunks.append(data[start:end])
        else:
            self._hold(self._part.value, data[start:end])

    def _on_part_end(self) -> None:
        if self._part is self._file:
            self._file_ended = True
        else:
            self._fields[self._part.name] = self._part.value.decode("utf-8", "replace")

    def _hold(self, buffer: bytearray, data: bytes) -> None:
        self._held_bytes += len(data)
        if self._held_bytes > _MAX_HELD_BYTES:
            raise InvalidField("body", f"must not have over {_MAX_HELD_BYTES} bytes of fields")
        buffer += data
