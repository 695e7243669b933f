"""The byte streams of the readers: decompress gzip within limits, and convert UTF-16 to UTF-8."""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Literal

from reviewlens.errors import InputError, LimitError
from reviewlens.reading.archives import member_chunks
from reviewlens.reading.records import ReadLimits

CHUNK = 1 << 20
_BYTE_ORDER_MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
# Encodings whose characters may hold the bytes of delimiters and backslashes: `Text` converts them to UTF-8. Bytes that
# they cannot decode become half characters, which are no valid UTF-8 and are converted back to the same bytes.
_CONVERTED = {
    "utf-16-le": "surrogatepass",
    "utf-16-be": "surrogatepass",
    "utf-32-le": "surrogatepass",
    "utf-32-be": "surrogatepass",
    "gb18030": "reviewlens-bytes",
    "big5": "reviewlens-bytes",
    "cp932": "reviewlens-bytes",
}
_RATIO_MIN_BYTES = 1 << 20  # small files of repeated rows have an extreme ratio but are harmless


def human_size(size: int) -> str:
    """Format a size for messages; 1 GB is 1,000,000,000 bytes."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size:,} bytes"


def line_codec(encoding: str) -> str:
    """Return the codec of the bytes that `Text` returns for a file in `encoding`."""
    return "utf-8" if encoding in _CONVERTED else encoding


def _keep_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """Decode broken bytes as half characters, which are encoded as the same bytes again."""
    if isinstance(error, UnicodeDecodeError):
        broken = error.object[error.start : error.end]
        return "".join(chr(byte if byte < 0x80 else 0xDC00 + byte) for byte in broken), error.end
    assert isinstance(error, UnicodeEncodeError)
    return bytes(ord(character) & 0xFF for character in error.object[error.start : error.end]), error.end


codecs.register_error("reviewlens-bytes", _keep_bytes)


def decode_line(data: bytes, encoding: str, fallback: str | None) -> str:
    """Decode a line of `Text` for a preview, with the fallback if it is not valid; broken characters are replaced."""
    codec = line_codec(encoding)
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return data.decode(fallback or codec, "replace")


def encoded_delimiter(delimiter: str, encoding: str) -> bytes:
    """Return the bytes of a delimiter in `Text`; bytes that do not occur there if the encoding lacks the character."""
    try:
        return delimiter.encode(line_codec(encoding))
    except UnicodeEncodeError:
        return delimiter.encode()


class Unpacked:
    """The decompressed bytes of a source in chunks; `total` is the number of bytes read.

    Errors: InputError `corrupt-gzip` or `corrupt-zip` (damaged or incomplete), LimitError for `max_unpacked_bytes` and
    `max_compression_ratio` as soon as the limit is exceeded; at most about 2 MB more are decompressed.
    """

    def __init__(
        self, source: BinaryIO, compression: Literal["none", "gzip", "zip"], limits: ReadLimits, member: str = ""
    ) -> None:
        self._source = source
        self._limits = limits
        self._gzip = compression == "gzip"
        self._member = member_chunks(source, member) if compression == "zip" else None
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._packed = 0
        self._buffered: list[bytes] = []
        self.total = 0

    def read(self) -> bytes:
        """Return the next chunk of at most 1 MiB; b'' at the end."""
        data = self._buffered.pop(0) if self._buffered else self._next()
        self.total += len(data)
        self._check()
        return data

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes (fewer at the end of the file) without consuming them."""
        available = sum(map(len, self._buffered))
        before = self.total
        while available < size:
            data = self._next()
            if not data:
                break
            self._buffered.append(data)
            available += len(data)
            self.total = before + available
            self._check()
        self.total = before
        return b"".join(self._buffered)[:size]

    def skip(self, size: int) -> None:
        """Skip `size` bytes, by seeking if possible; InputError when the file is shorter."""
        while size and self._buffered:
            size -= self._drop(size)
        if size and not self._gzip and self._member is None and self._source.seekable():
            self._source.seek(size, 1)
            self.total += size
            return
        while size:
            data = self._next()
            if not data:
                raise InputError(
                    "The file is shorter than when it was first read; upload it again.", code="file-changed"
                )
            self._buffered.append(data)
            size -= self._drop(size)

    def _drop(self, size: int) -> int:
        head = self._buffered.pop(0)
        if len(head) > size:
            self._buffered.insert(0, head[size:])
            head = head[:size]
        self.total += len(head)
        self._check()
        return len(head)

    def _next(self) -> bytes:
        if self._member is not None:
            data, self._packed = next(self._member, (b"", self._packed))
            return data
        return self._unpack() if self._gzip else self._source.read(CHUNK)

    def _unpack(self) -> bytes:
        while True:
            if self._inflate.eof:
                return b""
            inflate = self._inflate
            if not self._pending:
                self._pending = self._source.read(1 << 16)
                if not self._pending:
                    raise _corrupt("it is incomplete")
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

    def _next_member(self, data: bytes) -> None:
        """Start the next member, if any. Zero bytes may pad the end of the file; any other data means damage."""
        while True:
            data = data.lstrip(b"\x00")
            if data:
                break
            data = self._source.read(1 << 16)
            if not data:
                return
            self._packed += len(data)
        if not data.startswith(b"\x1f"):
            raise _corrupt("the compressed text is followed by other data")
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = data

    def _check(self) -> None:
        limits = self._limits
        if self.total > limits.max_unpacked_bytes:
            raise LimitError(
                f"The file has more than {human_size(limits.max_unpacked_bytes)} of decompressed data; split it, or"
                " raise max_unpacked_bytes.",
                code="unpacked-too-large",
                details={"limit": "max_unpacked_bytes", "allowed": limits.max_unpacked_bytes},
            )
        if (self._gzip or self._member) and self.total > max(
            _RATIO_MIN_BYTES, limits.max_compression_ratio * self._packed
        ):
            raise LimitError(
                f"The file decompresses to more than {limits.max_compression_ratio} times its size, as malicious files"
                " do; decompress it and upload the result, or raise max_compression_ratio.",
                code="compression-ratio",
                details={"limit": "max_compression_ratio", "allowed": limits.max_compression_ratio},
            )


def _corrupt(cause: str) -> InputError:
    return InputError(
        f"The gzip file cannot be decompressed: {cause}. Upload it again, or decompress it first.", code="corrupt-gzip"
    )


@dataclass(frozen=True)
class Sample:
    """The start of a text stream, as `Text` returns it; `complete` if it is the whole stream."""

    data: bytes
    complete: bool


def take_sample(stream: Unpacked, encoding: str, size: int) -> Sample:
    """Return a sample of the first `size` bytes of an unread stream without consuming them."""
    data = stream.peek(size)
    complete = len(data) < size
    mark = _BYTE_ORDER_MARKS.get(encoding)
    if mark and data.startswith(mark):
        data = data[len(mark) :]
    if encoding in _CONVERTED:
        width = {"utf-16": 2, "utf-32": 4}.get(encoding[:6], 1)
        errors = _CONVERTED[encoding] if complete or width == 1 else "ignore"
        data = data[: len(data) // width * width].decode(encoding, errors).encode("utf-8", "surrogatepass")
    return Sample(data, complete)


class Text:
    """The bytes that the line readers parse: those of the file, or the same characters in UTF-8 for UTF-16, UTF-32 and
    encodings whose characters may hold the bytes of delimiters.

    Line ends, quotes and delimiters are single bytes in all of them. `source_bytes` converts a piece that ends at a
    character boundary back to its bytes in the file. A byte-order mark is skipped; `bom` is its length.
    """

    def __init__(self, stream: Unpacked, encoding: str, offset: int = 0, fallback: str | None = None) -> None:
        self._stream = stream
        self.encoding = encoding
        self.fallback = fallback
        self.wide = encoding in _CONVERTED
        self._errors = _CONVERTED.get(encoding, "strict")
        self.codec = line_codec(encoding)
        self._decoder = codecs.getincrementaldecoder(encoding)(self._errors) if self.wide else None
        self.bom = 0
        if offset == 0:
            mark = _BYTE_ORDER_MARKS.get(encoding)
            if mark and stream.peek(len(mark)) == mark:
                stream.skip(len(mark))
                self.bom = len(mark)
        else:
            stream.skip(offset)
        self._ended = False

    def read(self) -> bytes:
        """Return the next chunk; b'' at the end."""
        if self._decoder is None:
            return self._stream.read()
        while not self._ended:
            data = self._stream.read()
            self._ended = not data
            if data or not self.encoding.startswith("utf-16"):
                text = self._decoder.decode(data, final=not data)
            else:
                pending = self._decoder.getstate()[0]  # half a surrogate pair, or an odd last byte, marked by 0xFF
                odd = len(pending) % 2
                text = pending[: len(pending) - odd].decode(self.encoding, "surrogatepass")
                if odd:
                    return text.encode("utf-8", "surrogatepass") + b"\xff" + pending[-1:].hex().encode()
            if text:
                return text.encode("utf-8", "surrogatepass")
        return b""

    def source_size(self, data: bytes) -> int:
        """Return the length of `data` in the file."""
        return len(self.source_bytes(data)) if self.wide else len(data)

    def source_bytes(self, data: bytes) -> bytes:
        """Return the bytes of `data` in the file."""
        if not self.wide:
            return data
        tail = b""
        if len(data) >= 3 and data[-3] == 0xFF:  # the odd last byte, marked by `read`
            data, tail = data[:-3], bytes.fromhex(data[-2:].decode())
        return data.decode("utf-8", "surrogatepass").encode(self.encoding, self._errors) + tail
