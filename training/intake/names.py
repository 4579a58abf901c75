"""File and class names.

Names of zip entries as people wrote them, from bytes in an encoding that has to be guessed, and
class names that are fit to be shown.
"""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable

_UTF8_FLAG = 0x800  # general purpose bit 11: this name is UTF-8
_UNICODE_PATH = 0x7075  # extra field of Info-ZIP, WinRAR and others: the name again, in UTF-8
# Where CP437 keeps the letters of European languages, and the sharp s. Chinese names have lead
# bytes from 0xB0 on, so an archive whose names use these bytes only is Western.
_CP437_LETTERS = frozenset([*range(0x80, 0xA6), 0xE1])
_DIGITS = frozenset("0123456789")
_MAX_CLASS_NAME = 100  # characters; a zip allows 65,535
# Letters that UTF-8 writes with two bytes and people name files with: Latin (with the accents of
# macOS), Greek, Cyrillic, Hebrew, Arabic.
_TWO_BYTE_SCRIPTS = (
    frozenset([*range(0xA0, 0x180), *range(0x300, 0x370)]),
    frozenset(range(0x386, 0x3CF)),
    frozenset(range(0x400, 0x460)),
    frozenset(range(0x5D0, 0x5EB)),
    frozenset(range(0x600, 0x700)),
)
_JUNK_NAMES = frozenset(["__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "icon\r"])


def zip_names(infos: Iterable[zipfile.ZipInfo]) -> list[str]:
    """The entries' names, with ``/`` between folders.

    Entries that say so are UTF-8. All others share one encoding, found from all of them
    together, because one short name alone is ambiguous.
    """
    infos = list(infos)
    told = [_told_name(info) for info in infos]
    raw = [
        b"" if name is not None else info.orig_filename.encode("cp437")
        for name, info in zip(told, infos, strict=True)
    ]
    encoding = guess_encoding(raw)
    names = (
        name if name is not None else data.decode(encoding)
        for name, data in zip(told, raw, strict=True)
    )
    return [name.replace("\\", "/") for name in names]


def guess_encoding(names: Iterable[bytes]) -> str:
    """Which of ``utf-8``, ``gb2312``, ``gbk`` and ``cp437`` the names of one archive are in."""
    names = [name for name in names if not name.isascii()]
    if _is_utf8(names):
        return "utf-8"
    if all(_CP437_LETTERS.issuperset(byte for byte in name if byte > 0x7F) for name in names):
        return "cp437"
    for encoding in ("gb2312", "gbk"):
        if all(_decodes(name, encoding) for name in names):
            return encoding
    return "cp437"


def is_junk(path: str) -> bool:
    """Whether a file is hidden or left behind by a system: ignored, and not reported."""
    return any(
        part.startswith(".") and part not in (".", "..") or part.casefold() in _JUNK_NAMES
        for part in path.split("/")
    )


def class_name(folder: str) -> str:
    """A folder's name as a class name: NFC, one line, no control or direction marks."""
    spaced = re.sub(r"\s", " ", folder)
    # Cc: control, Cf: invisible format (right-to-left marks), Cs: broken surrogates.
    unwanted = ("Cc", "Cf", "Cs")
    kept = "".join(letter for letter in spaced if unicodedata.category(letter) not in unwanted)
    name = " ".join(unicodedata.normalize("NFC", kept).split())
    if len(name) > _MAX_CLASS_NAME:  # names that differ only later must stay different
        mark = hashlib.sha256(name.encode()).hexdigest()[:6]
        name = f"{name[: _MAX_CLASS_NAME - 8].rstrip()}… {mark}"
    return name or "_"


def shown(path: str) -> str:
    """A file's name for tables and sentences: no control characters, no direction marks."""
    return "/".join(class_name(part) if part else "" for part in path.split("/"))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``2.jpg`` before ``10.jpg`` and ignores case."""
    parts = re.split(r"([0-9]+)", name.casefold())
    # At most 18 digits: int() refuses several thousand of them.
    numbered = (
        (0, int(part[:18]), part) if part[:1] in _DIGITS else (1, 0, part) for part in parts
    )
    return (*numbered, (2, 0, name))


def _is_utf8(names: list[bytes]) -> bool:
    """Whether the names are UTF-8, and not Chinese in GB2312 whose bytes happen to be valid UTF-8.

    That happens to short words (the bytes of two characters read as a Greek and a Latin letter),
    so what can be both counts as UTF-8 only if it then reads as letters of one script.
    """
    if not all(_decodes(name, "utf-8") for name in names):
        return False
    if not all(_decodes(name, "gb2312") for name in names):
        return True
    letters = {ord(letter) for name in names for letter in name.decode("utf-8")} - {*range(0x80)}
    # From U+0800 on lie Chinese and all else that takes UTF-8 three bytes or more.
    return max(letters, default=0) >= 0x800 or any(letters <= each for each in _TWO_BYTE_SCRIPTS)


def _told_name(info: zipfile.ZipInfo) -> str | None:
    """The name that an entry itself says is UTF-8; ``None`` when it does not say."""
    if info.flag_bits & _UTF8_FLAG:
        return info.orig_filename
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        # The field counts only while its checksum fits the plain name: tools that rename an
        # entry may leave an old one behind.
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:
            checksum = struct.unpack_from("<L", field, 1)[0]
            if checksum == zlib.crc32(info.orig_filename.encode("cp437")):
                return field[5:].decode("utf-8", errors="replace")
    return None


def _decodes(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
