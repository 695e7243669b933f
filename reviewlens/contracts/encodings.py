"""The text encodings that can be read, by the name of Python's codec."""

from __future__ import annotations

import codecs
from typing import Annotated

from pydantic import AfterValidator

ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16 (little-endian)",
    "utf-16-be": "UTF-16 (big-endian)",
    "utf-32-le": "UTF-32 (little-endian)",
    "utf-32-be": "UTF-32 (big-endian)",
    "cp1252": "Windows-1252 (Western)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "cp874": "Windows-874 (Thai)",
    "iso8859-2": "ISO 8859-2 (Central European)",
    "iso8859-5": "ISO 8859-5 (Cyrillic)",
    "iso8859-7": "ISO 8859-7 (Greek)",
    "iso8859-9": "ISO 8859-9 (Turkish)",
    "iso8859-15": "ISO 8859-15 (Western)",
    "koi8-r": "KOI8-R (Cyrillic)",
    "koi8-u": "KOI8-U (Ukrainian)",
    "cp850": "DOS 850 (Western)",
    "cp852": "DOS 852 (Central European)",
    "cp866": "DOS 866 (Cyrillic)",
    "mac-roman": "Mac Roman",
    "mac-cyrillic": "Mac Cyrillic",
    "mac-latin2": "Mac Central European",
    "gb18030": "GB18030 (Chinese, simplified)",
    "big5": "Big5 (Chinese, traditional)",
    "cp932": "Shift-JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "cp949": "EUC-KR (Korean)",
}
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp950": "big5",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "ascii": "utf-8",
    "utf-8-sig": "utf-8",
}


def encoding_label(encoding: str) -> str:
    """Return an encoding's name for people."""
    return ENCODING_NAMES.get(encoding, encoding)


def _canonical(value: str) -> str:
    """Return the name in ENCODING_NAMES of an encoding that is given by any of its usual names."""
    if value in ENCODING_NAMES:
        return value
    try:
        name = codecs.lookup(value).name
    except (LookupError, ValueError) as error:
        raise ValueError("there is no such encoding") from error
    name = _SUPERSETS.get(name, name)
    if name not in ENCODING_NAMES:
        raise ValueError("this encoding is not supported")
    return name


Encoding = Annotated[str, AfterValidator(_canonical)]
