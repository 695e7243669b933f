"""Reads a JSON document value by value, with bounded memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

from reviewlens.errors import InputError
from reviewlens.reading.json_values import DECODER
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.sources import Text, human_size

_MAX_SKIPPED_DEPTH = 100
_SPACE = " \t\r\n"


class Cursor:
    """Reads a JSON text from its start with bounded memory; InputError `corrupt-json` where it breaks off."""

    def __init__(self, text: Text, limits: ReadLimits) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder(text.codec)(_decoding_errors(text.fallback))
        self._longest = 8 * limits.max_field_chars + (2 << 20)
        self._buffer = ""
        self._at = 0
        self._before = 0  # characters before the buffer
        self._ended = False

    @property
    def place(self) -> int:
        """Characters of the text that have been read."""
        return self._before + self._at

    def peek(self) -> str:
        """Return the next character that is no white space; '' at the end of the text."""
        while True:
            buffer, at = self._buffer, self._at
            while at < len(buffer) and buffer[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(buffer):
                return buffer[at]
            if not self._more():
                return ""

    def take(self, characters: str) -> str:
        """Consume the next character, which must be one of `characters`."""
        character = self.peek()
        if not character or character not in characters:
            raise self._corrupt(f"expected {' or '.join(characters) or 'the end'}")
        self._at += 1
        return character

    def value(self) -> object:
        """Consume one value and return it."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                cut = len(self._buffer) - error.pos < 16 or error.msg.startswith("Unterminated string")
                if self._ended or not cut:
                    self._at = error.pos
                    raise self._corrupt(error.msg) from error
            except (ValueError, RecursionError) as error:
                raise self._corrupt("a value is nested too deeply, or a number is too long") from error
            else:
                if end < len(self._buffer) or self._ended:
                    self._at = end
                    return value
            wanted = 2 * (len(self._buffer) - self._at)
            if wanted > 2 * self._longest:
                raise InputError(
                    f"A value of the JSON document is longer than {human_size(self._longest)}. Save one object per"
                    " review (JSON Lines).",
                    code="json-value-too-long",
                )
            while len(self._buffer) - self._at <= wanted and self._more():
                pass

    def elements(self) -> Iterator[None]:
        """Consume an array; the caller consumes the value at each step."""
        self.take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self.take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """Consume an object; yields its keys, and the caller consumes the value at each step."""
        self.take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise self._corrupt("expected a key in quotation marks")
            key = self.value()
            assert isinstance(key, str)
            self.take(":")
            yield key
            if self.take(",}") == "}":
                return

    def skip(self, depth: int = 0) -> None:
        """Consume one value of any size."""
        opened = self.peek()
        if depth > _MAX_SKIPPED_DEPTH:
            raise self._corrupt("a value is nested too deeply")
        if opened == "{":
            for _ in self.members():
                self.skip(depth + 1)
        elif opened == "[":
            for _ in self.elements():
                self.skip(depth + 1)
        else:
            self.value()

    def _more(self) -> bool:
        while not self._ended:
            data = self._text.read()
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            if text:
                self._before += self._at
                self._buffer, self._at = self._buffer[self._at :] + text, 0
                return True
        return False

    def _corrupt(self, cause: str) -> InputError:
        ended = self._ended and self._at >= len(self._buffer)
        where = "it ends too early" if ended else f"{cause} at character {self.place + 1:,}"
        return InputError(
            f"The JSON document is damaged or incomplete: {where}. Export it again and upload it.", code="corrupt-json"
        )


def _decoding_errors(fallback: str | None) -> str:
    """Return the name of the error handler that decodes broken bytes with the fallback."""
    if fallback is None:
        return "surrogateescape"

    def decode(error: UnicodeError) -> tuple[str | bytes, int]:
        assert isinstance(error, UnicodeDecodeError)
        return error.object[error.start : error.end].decode(fallback, "replace"), error.end

    name = f"reviewlens-{fallback}"
    codecs.register_error(name, decode)
    return name
