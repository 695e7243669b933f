"""Byte streams below the readers: gzip is unpacked under limits, UTF-16 is turned into UTF-8 and measured back."""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Literal

from reviewlens.errors import InputError, LimitError
from reviewlens.reviews.records import ReadLimits

CHUNK = 1 << 20
_MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
_RATIO_COUNTS_FROM = 1 << 20  # tiny files of repeated rows compress absurdly well and hurt nobody


def human_size(size: int) -> str:
    """A size for people: 1 GB is 1,000,000,000 bytes."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size:,} bytes"


class Unpacked:
    """The decompressed bytes of a source, chunk by chunk; `total` counts what was delivered.

    Errors: InputError `corrupt-gzip` (damaged or cut short), LimitError for `max_unpacked_bytes` and
    `max_compression_ratio`, raised as soon as the limit is passed: never more than about 2 MB is unpacked beyond it.
    """

    def __init__(self, source: BinaryIO, compression: Literal["none", "gzip"], limits: ReadLimits) -> None:
        self._source = source
        self._limits = limits
        self._gzip = compression == "gzip"
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._packed = 0
        self._kept: list[bytes] = []
        self.total = 0

    def read(self) -> bytes:
        """The next chunk, at most 1 MiB; b'' at the end."""
        data = self._kept.pop(0) if self._kept else self._next()
        self.total += len(data)
        self._check()
        return data

    def peek(self, size: int) -> bytes:
        """The next `size` bytes (fewer at the end of the file) without consuming them."""
        have = sum(map(len, self._kept))
        before = self.total
        while have < size:
            data = self._next()
            if not data:
                break
            self._kept.append(data)
            have += len(data)
            self.total = before + have
            self._check()
        self.total = before
        return b"".join(self._kept)[:size]

    def skip(self, size: int) -> None:
        """Consume `size` bytes; seeks where that is possible. InputError when the file ends before."""
        while size and self._kept:
            size -= self._drop(size)
        if size and not self._gzip and self._source.seekable():
            self._source.seek(size, 1)
            self.total += size
            return
        while size:
            data = self._next()
            if not data:
                raise InputError(
                    "The file is shorter than it was when it was read before; upload it again.", code="file-changed"
                )
            self._kept.append(data)
            size -= self._drop(size)

    def _drop(self, size: int) -> int:
        head = self._kept.pop(0)
        if len(head) > size:
            self._kept.insert(0, head[size:])
            head = head[:size]
        self.total += len(head)
        self._check()
        return len(head)

    def _next(self) -> bytes:
        return self._unpack() if self._gzip else self._source.read(CHUNK)

    def _unpack(self) -> bytes:
        while True:
            inflate = self._inflate
            done = inflate.eof
            if done:
                return b""
            if not self._pending:
                self._pending = self._source.read(1 << 16)
                if not self._pending:
                    raise _corrupt("it ends in the middle")
                self._packed += len(self._pending)
            try:
                data = inflate.decompress(self._pending, CHUNK)
            except zlib.error as error:
                raise _corrupt("its content is damaged") from error
            self._pending = inflate.unconsumed_tail
            if inflate.eof:
                self._next_member(inflate.unused_data)
            if data:
                return data

    def _next_member(self, rest: bytes) -> None:
        """Several members may follow each other; zero bytes may pad the end; anything else is damage."""
        while True:
            rest = rest.lstrip(b"\x00")
            if rest:
                break
            rest = self._source.read(1 << 16)
            if not rest:
                return
            self._packed += len(rest)
        if not rest.startswith(b"\x1f"):
            raise _corrupt("something that is not gzip follows the packed text")
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = rest

    def _check(self) -> None:
        limits = self._limits
        if self.total > limits.max_unpacked_bytes:
            raise LimitError(
                f"The file is larger than {human_size(limits.max_unpacked_bytes)} when unpacked; "
                f"split it, or raise max_unpacked_bytes.",
                code="unpacked-too-large",
                details={"limit": "max_unpacked_bytes", "allowed": limits.max_unpacked_bytes},
            )
        if self._gzip and self.total > max(_RATIO_COUNTS_FROM, limits.max_compression_ratio * self._packed):
            raise LimitError(
                f"The file unpacks to more than {limits.max_compression_ratio} times its size, as "
                f"files made to do harm do; "
                "unpack it yourself and upload the unpacked file, or raise max_compression_ratio.",
                code="compression-ratio",
                details={"limit": "max_compression_ratio", "allowed": limits.max_compression_ratio},
            )


def _corrupt(how: str) -> InputError:
    return InputError(
        f"The gzip file cannot be unpacked: {how}. Upload it again, or unpack it first.", code="corrupt-gzip"
    )


@dataclass(frozen=True)
class Sample:
    """The begin of a text stream, as `Text` would deliver it; `complete` when that is all there is."""

    data: bytes
    complete: bool


def take_sample(stream: Unpacked, encoding: str, size: int) -> Sample:
    """Look at the first `size` bytes of a stream that nothing was read from yet."""
    data = stream.peek(size)
    complete = len(data) < size
    mark = _MARKS.get(encoding)
    if mark and data.startswith(mark):
        data = data[len(mark) :]
    if encoding.startswith("utf-16"):
        data = (
            data[: len(data) // 2 * 2]
            .decode(encoding, "surrogatepass" if complete else "ignore")
            .encode("utf-8", "surrogatepass")
        )
    return Sample(data, complete)


class Text:
    """The bytes that the line readers work on: those of the file, or, for UTF-16, the same characters in UTF-8.

    Line ends, quotes and delimiters are single bytes in all of them. `measure` gives the length in the file of a piece
    that ends at a character; `undo` gives its bytes in the file. A byte-order mark is skipped (`bom` holds its length).
    """

    def __init__(self, stream: Unpacked, encoding: str, offset: int = 0) -> None:
        self._stream = stream
        self.encoding = encoding
        self.wide = encoding.startswith("utf-16")
        self.codec = "utf-8" if self.wide else encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass") if self.wide else None
        self.bom = 0
        if offset == 0:
            mark = _MARKS.get(encoding)
            if mark and stream.peek(len(mark)) == mark:
                stream.skip(len(mark))
                self.bom = len(mark)
        else:
            stream.skip(offset)
        self._ended = False

    def read(self) -> bytes:
        """The next chunk; b'' at the end."""
        if self._decoder is None:
            return self._stream.read()
        while not self._ended:
            data = self._stream.read()
            self._ended = not data
            if data:
                text = self._decoder.decode(data)
            else:
                left = self._decoder.getstate()[0]  # half a pair, or an odd last byte, which is kept as no UTF-8
                odd = len(left) % 2
                text = left[: len(left) - odd].decode(self.encoding, "surrogatepass")
                if odd:
                    return text.encode("utf-8", "surrogatepass") + b"\xff" + left[-1:].hex().encode()
            if text:
                return text.encode("utf-8", "surrogatepass")
        return b""

    def measure(self, data: bytes) -> int:
        """How many bytes of the file `data` stands for."""
        return len(self.undo(data)) if self.wide else len(data)

    def undo(self, data: bytes) -> bytes:
        """The bytes of the file that `data` stands for."""
        if not self.wide:
            return data
        tail = b""
        if len(data) >= 3 and data[-3] == 0xFF:  # the odd last byte, marked by `read`
            data, tail = data[:-3], bytes.fromhex(data[-2:].decode())
        return data.decode("utf-8", "surrogatepass").encode(self.encoding, "surrogatepass") + tail
