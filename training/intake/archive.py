"""Untrusted zip archives, read safely.

Nothing is unpacked to disk, and nothing that an archive says of itself is believed.
"""

from __future__ import annotations

import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from training.core.files import MIB
from training.core.messages import UserError
from training.intake.limits import Limits
from training.intake.names import is_junk, shown, zip_names

# (offset, magic, what people call it)
_ARCHIVES = (
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"Rar!\x1a\x07", "RAR"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (257, b"ustar", "tar"),
)
HEAD_BYTES = 512  # enough for every magic number, tar's at 257 included

_END = struct.Struct("<4s4H2LH")  # end of central directory
_END64 = struct.Struct("<4sQ2H2L4Q")  # the same, zip64
_LOCATOR64_BYTES = 20
_CENTRAL_BYTES = 46  # an entry of the central directory, without its name
_LOCAL_BYTES = 30  # a member's own header, without its name

_DRIVE = re.compile("[A-Za-z]:")

# What zipfile raises on archives and members that were damaged or made to mislead.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    OSError,
    EOFError,
    ValueError,
    struct.error,
    IndexError,
    OverflowError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
)


@dataclass(frozen=True)
class Entry:
    """One file of an upload: where it says it lies, its size in bytes, and how to open it."""

    path: str
    size: int
    open: Callable[[], IO[bytes]]

    def head(self) -> bytes:
        """The first ``HEAD_BYTES`` bytes, or fewer: enough for ``archive_kind``.

        Raises:
            OSError: or any other of ``ZIP_ERRORS``, where the file cannot be read.
        """
        with self.open() as file:
            return file.read(HEAD_BYTES)


def archive_kind(head: bytes) -> str | None:
    """The name of the archive format that a file begins like; ``None`` for other files."""
    for offset, magic, name in _ARCHIVES:
        if head[offset : offset + len(magic)] == magic:
            return name
    return None


class Archive:
    """A zip whose directory was checked against ``limits``; members are read one at a time.

    Opening it reads the directory only.

    Raises:
        UserError: it is no zip, damaged, encrypted, too big, or made to do harm.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.name = path.name
        self._limits = limits
        self._refuse_large_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except ZIP_ERRORS as error:
            raise UserError("intake.corrupt", file=self.name) from error
        try:
            self.entries = self._check()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def _refuse_large_directory(self, path: Path) -> None:
        """Count the entries before zipfile builds an object for each: 512 MB can hold millions."""
        # Folders and what macOS adds (one more per file) do not count as files, so leave room.
        most = 4 * self._limits.files + 1000
        size = _directory_bytes(path)
        if size is None:
            raise UserError("intake.corrupt", file=self.name)
        if size > most * _CENTRAL_BYTES and _count_entries(path, size, most) > most:
            raise UserError("intake.too_many_files", limit=self._limits.files)

    def _check(self) -> tuple[Entry, ...]:
        """All files that may be pictures, after every check that the directory alone allows."""
        infos = self._zip.infolist()
        names = zip_names(infos)
        for info, name in zip(infos, names, strict=True):
            _refuse_escape(info, name)
        self._refuse_overlaps(infos)
        files = [
            (info, name)
            for info, name in zip(infos, names, strict=True)
            if not name.endswith("/") and not is_junk(name)
        ]
        if not files:
            raise UserError("intake.empty", file=self.name)
        if len(files) > self._limits.files:
            raise UserError("intake.too_many_files", limit=self._limits.files)
        for info, name in files:
            if info.flag_bits & 0x1:  # general purpose bit 0: encrypted
                raise UserError("intake.encrypted", file=shown(name))
        self._refuse_bombs([info for info, _ in files])
        return tuple(
            Entry(name.removeprefix("./"), info.file_size, self._opener(info))
            for info, name in files
        )

    def _opener(self, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
        return lambda: self._zip.open(info)

    def _refuse_bombs(self, infos: list[zipfile.ZipInfo]) -> None:
        limits, total = self._limits, sum(info.file_size for info in infos)
        if total > limits.unpacked_bytes:
            raise UserError("intake.unpacked_too_big", limit=limits.unpacked_mb)
        packed = sum(info.compress_size for info in infos)
        bombs = [(total, packed, self.name)] + [
            (info.file_size, info.compress_size, info.filename) for info in infos
        ]
        for size, compressed, name in bombs:
            # Small files, of one colour for example, may shrink by more and do no harm.
            if size > MIB and size > limits.ratio * max(1, compressed):
                raise UserError("intake.ratio", file=shown(name), limit=limits.ratio)

    def _refuse_overlaps(self, infos: list[zipfile.ZipInfo]) -> None:
        """Members that share bytes are how a few kilobytes unpack to petabytes."""
        ordered = sorted(infos, key=lambda info: info.header_offset)
        starts = [*(info.header_offset for info in ordered), self._zip.start_dir]
        for info, following in zip(ordered, starts[1:], strict=True):
            name_bytes = len(info.orig_filename.encode("utf-8", "replace"))
            if not info.flag_bits & 0x800:  # general purpose bit 11: the name is UTF-8
                name_bytes = len(info.orig_filename)  # cp437: one byte a letter
            if info.header_offset + _LOCAL_BYTES + name_bytes + info.compress_size > following:
                raise UserError("intake.overlap", file=self.name)


def _refuse_escape(info: zipfile.ZipInfo, name: str) -> None:
    """Names that point outside, and members that are links or devices."""
    parts = name.split("/")
    # "C:" anywhere: the drive of an absolute path, or a hidden stream of an NTFS file.
    if name.startswith("/") or ".." in parts or any(map(_DRIVE.match, parts)):
        raise UserError("intake.escape", file=shown(name))
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError("intake.link", file=shown(name))


def _directory_bytes(path: Path) -> int | None:
    """The size of the central directory as zipfile will read it; ``None``: there is none."""
    size = path.stat().st_size
    with path.open("rb") as file:
        # The record is at most 65,535 bytes of comment from the end; its zip64 twin precedes it.
        file.seek(max(0, size - _END.size - 0xFFFF - _LOCATOR64_BYTES - _END64.size))
        tail = file.read()
    at = len(tail) - _END.size
    # The same two tries as zipfile's: without a comment at the very end, else the last signature.
    if at < 0 or tail[at : at + 4] != b"PK\x05\x06" or tail[-2:] != b"\0\0":
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return None
    at64 = at - _LOCATOR64_BYTES - _END64.size
    if at64 >= 0 and tail[at64 : at64 + 4] == b"PK\x06\x06":
        return int(_END64.unpack_from(tail, at64)[8])
    return int(_END.unpack_from(tail, at)[5])


def _count_entries(path: Path, directory_bytes: int, most: int) -> int:
    """How many entries the central directory can hold at most, counted up to ``most`` + 1."""
    count, carried = 0, b""
    with path.open("rb") as file:
        # From before it begins: end records and up to 65,535 bytes of comment lie behind it.
        file.seek(max(0, path.stat().st_size - directory_bytes - 0x20000))
        while count <= most and (block := file.read(MIB)):
            block = carried + block
            count += block.count(b"PK\x01\x02")
            carried = block[-3:]  # a signature may lie across two blocks
    return count
