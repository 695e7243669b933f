"""Incoming uploads, as raw or multipart bodies; at most a chunk of them is in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import unquote

import anyio.from_thread
from anyio import CapacityLimiter
from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from backend.web.threads import in_thread
from reviewlens.errors import InputError
from reviewlens.uploads.service import Upload, UploadService, upload_too_large

_MULTIPART_SLACK = 100_000
FIELD = b"file"


async def receive_upload(
    request: Request, user: str, uploads: UploadService, filename: str, allowed: int, threads: CapacityLimiter
) -> Upload:
    """Stream the body into the store in one of `threads`; `allowed` is in bytes. Raises as `UploadService.receive`."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > allowed + _MULTIPART_SLACK:
        raise upload_too_large(allowed)
    chunks = _from_async(request.stream())
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        if not filename:
            raise InputError("The file needs a name: /uploads?filename=reviews.csv", code="filename-missing")
        return await in_thread(threads, uploads.receive, user, filename, chunks)

    def parse_and_receive() -> Upload:
        part = FilePart(_at_most(chunks, allowed), options.get(b"boundary", b""))
        return uploads.receive(user, part.filename or filename, part)

    return await in_thread(threads, parse_and_receive)


def _from_async(stream: AsyncIterator[bytes]) -> Iterator[bytes]:
    """The chunks of an async stream, for a worker thread."""

    async def next_chunk() -> bytes | None:
        return await anext(stream, None)

    while (chunk := anyio.from_thread.run(next_chunk)) is not None:
        yield chunk


def _at_most(chunks: Iterator[bytes], allowed: int) -> Iterator[bytes]:
    """The chunks of a form, up to a limit: a form may have parts other than the file, and those must end too."""
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > allowed + _MULTIPART_SLACK:
            raise upload_too_large(allowed)
        yield chunk


class FilePart:
    """The part named `file` of a multipart body: its `filename`, and its content by iterating once."""

    def __init__(self, chunks: Iterator[bytes], boundary: bytes) -> None:
        self._chunks = chunks
        self._header_name = self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._in_file = self._found = self._ended = False
        self._data: list[bytes] = []
        self.filename = ""
        if not boundary:
            raise _malformed()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_end": self._on_end,
            },
        )
        while not self._found:
            if not self._feed():
                raise InputError("The form has no file in the field 'file'.", code="file-missing")

    def __iter__(self) -> Iterator[bytes]:
        """The file's bytes; InputError when the body ends too early or has a second file."""
        more = True
        while more:
            yield from self._data
            self._data.clear()
            more = self._feed()
        yield from self._data
        if not self._ended:
            raise InputError("The upload ended too early; send it again.", code="upload-incomplete")

    def _feed(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise _malformed() from error
        return True

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._in_file = options.get(b"name") == FIELD
        if self._in_file and self._found:
            raise InputError("Send one file at a time.", code="several-files")
        if self._in_file:
            self._found = True
            self.filename = unquote(options.get(b"filename", b"").decode("utf-8", errors="replace"))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._data.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _malformed() -> InputError:
    return InputError("The form cannot be read; send the file as multipart/form-data.", code="malformed-multipart")
