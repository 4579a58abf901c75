"""Thousands of hostile uploads.

One after the other: ``python -m tests.fuzz --cases 20000``. Hypothesis makes each from a corpus
that is made here: pictures of every kind, cut short, with flipped bits, lying about their size;
zips that slip, overlap, nest, are encrypted, have wrong sums; names of all sorts. Whatever comes,
there is a set or a ``UserError`` in both languages, within ``MAX_SECONDS`` seconds and
``MAX_MEMORY`` MB, nothing is written but the set, and no name reaches the page as markup. Cases run
in worker processes, so that a crash is seen and counted.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import io
import json
import logging
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.intake.take_in import Report, take_in

MAX_SECONDS, MAX_MEMORY, PER_WORKER = 5.0, 1000, 2500  # s, MB, cases
WORKER_SECONDS = 1200.0
EVIL = ("<b id=evil>", '"><img src=x onerror=evil()>', "&lt;b id=evil&gt;")
OUTSIDE = "seedling-fuzz-escaped"  # what a zip that slips would leave behind
NAMES = (
    *("a/1.png", "b/1.png", "a/2.jpg", "b/2.jpg", "train/a/1.png", "val/b/1.png", "1.png", "x"),
    *(f"../{OUTSIDE}", f"a/../../{OUTSIDE}", f"/tmp/{OUTSIDE}", f"C:\\{OUTSIDE}", "..", "a/.."),
    *(f"\\\\server\\{OUTSIDE}", f"a\\..\\..\\{OUTSIDE}", "a//1.png", "./a/./1.png", "a/"),
    *("CON", "a/NUL.png", "aux.jpg", "com1/1.png", "a/1.png.", "a /1.png", "a:b/1.png"),
    *("a/\x00.png", "a/\x07\x1b[31m.png", "a\n/1.png", "\u202egnp.1/1.png", "\u200f/1.png"),
    *(f"{'n' * 300}/1.png", f"a/{'n' * 300}.png", "é" * 150 + "/1.png", "\ud800/1.png"),
    *(f"{name}/1.png" for name in EVIL),
    *(f"a/{name}.png" for name in EVIL),
    *('=cmd|"/c calc"!A1/1.png', "@SUM(1,1)/1.png", "a,b;c\t/1.png", '"/1.png', "'/1.png"),
    *(".hidden/1.png", "__MACOSX/1.png", "a/Thumbs.db", "{name}/1.png", "{0}/1.png", "%s/1.png"),
)


# ---- the corpus


@cache
def pictures() -> dict[str, bytes]:
    """One small picture of every kind, and two frames that move."""
    import pillow_heif

    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 255, 48 * 40 * 3).reshape(48, 40, 3)
    image = Image.fromarray((smooth * rng.uniform(0.6, 1, smooth.shape)).astype(np.uint8))
    found = {}
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"):
        found[kind] = _saved(image, kind)
    found["progressive"] = _saved(image, "JPEG", progressive=True)
    found["packed TIFF"] = _saved(image, "TIFF", compression="tiff_lzw")
    found["palette"] = _saved(image.convert("P"), "PNG")
    found["film"] = _saved(image, "GIF", save_all=True, append_images=[image.rotate(9)] * 3)
    heif = io.BytesIO()
    pillow_heif.from_pillow(image).save(heif)
    found["HEIC"] = heif.getvalue()
    return found


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_of(
    width: int, height: int, kind: int = 0, rows: int | None = None, depth: int = 8
) -> bytes:
    """A PNG that claims a size, and holds ``rows`` black ones of it, or a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    samples = {0: 1, 2: 3, 6: 4}.get(kind, 1)
    size = (rows or 1) * (1 + width * samples * depth // 8)
    pixels = bytes(min(200_000_000, size)) if rows else b"\0" * 99
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def overlapping(count: int, inside: bytes) -> bytes:
    """A zip whose directory names one member ``count`` times."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(inside) + packed.flush()
    sizes = struct.pack("<III", zlib.crc32(inside), len(data), len(inside))
    local = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 0) + sizes + struct.pack("<HH", 5, 0)
    start, directory = local + b"a.png" + data, b""
    for number in range(count):
        name = f"a/{number}.png".encode()
        directory += b"PK\x01\x02" + struct.pack("<6H", 20, 20, 0, 8, 0, 0) + sizes
        directory += struct.pack("<5HII", len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4H2LH", 0, 0, count, count, len(directory), len(start), 0)
    return start + directory + b"PK\x05\x06" + end


def zipped(files: list[tuple[str, bytes, int]]) -> bytes:
    """A zip of (name, data, compression), names as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data, method in files:
            info = zipfile.ZipInfo("_")
            info.filename = (name or "_").encode("utf-8", "replace").decode()
            info.compress_type = method
            archive.writestr(info, data)
    return buffer.getvalue()


# ---- what Hypothesis makes of it


@st.composite
def harmed(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> bytes:
    """Cut short, bits flipped, a stretch zeroed or repeated, or left as it is."""
    raw = bytearray(draw(data))
    for _ in range(draw(st.integers(0, 4))):
        if not raw:
            break
        place = draw(st.integers(0, len(raw) - 1))
        match draw(st.sampled_from(("cut", "flip", "zero", "repeat", "full"))):
            case "cut":
                del raw[place:]
            case "flip":
                raw[place] ^= 1 << draw(st.integers(0, 7))
            case "zero":
                raw[place : place + 8] = bytes(8)
            case "full":
                raw[place : place + 4] = b"\xff" * 4
            case "repeat":
                raw[place:place] = raw[place : place + draw(st.integers(1, 64))]
    return bytes(raw)


sides = st.sampled_from((0, 1, 7, 4096, 7071, 20_000, 65_535, 2**31 - 1, 2**32 - 1))
bombs = st.builds(png_of, sides, sides, st.sampled_from((0, 2, 3, 6)))
whole = st.sampled_from(tuple(pictures().values()))
contents = st.one_of(harmed(whole), whole, bombs, st.binary(max_size=80))
names = st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=20))
methods = st.sampled_from((0, 8, 12, 14))
members = st.lists(st.tuples(names, contents, methods), max_size=8)
archives = members.map(zipped)


@st.composite
def encrypted(draw: st.DrawFn) -> bytes:
    """A zip whose directory, headers, or both say that members are encrypted."""
    raw = bytearray(draw(archives))
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = raw.find(mark) if draw(st.booleans()) else -1
        if place >= 0:
            raw[place + offset] |= 1
    return bytes(raw)


nested = st.tuples(names, archives).map(
    lambda inner: zipped([(*inner, 8), (f"{inner[0]}.zip", inner[1], 0)])
)
overlaps = st.builds(overlapping, st.integers(1, 40), contents)
uploads: st.SearchStrategy[dict[str, bytes]] = st.one_of(
    harmed(whole).map(lambda data: {"picture": data}),
    bombs.map(lambda data: {"bomb.png": data}),
    archives.map(lambda data: {"upload.zip": data}),
    harmed(archives).map(lambda data: {"upload.zip": data}),
    encrypted().map(lambda data: {"upload.zip": data}),
    nested.map(lambda data: {"nested.zip": data}),
    harmed(overlaps).map(lambda data: {"overlap.zip": data}),
    st.lists(contents, min_size=1, max_size=5).map(
        lambda many: {f"{EVIL[0].replace('/', '')}{n}.png": data for n, data in enumerate(many)}
    ),
)


def specials() -> dict[str, dict[str, bytes]]:
    """Cases too large to be drawn by Hypothesis again and again; each is checked once."""
    tiny = zipped([(f"{n % 10}/{n}.png", b"x", 0) for n in range(100_000)])
    zeros = zipped([("a/1.png", bytes(300_000_000), 8)])
    mine = pictures()["PNG"]
    flat = Image.new("RGBA", (7000, 7000), (1, 2, 3, 128))
    small = flat.crop((0, 0, 5000, 5000))
    harmless = [name for name in NAMES if OUTSIDE not in name and ".." not in name]
    harmless.remove("a:b/1.png")  # may be a drive
    return {
        "100,000 tiny files": {"tiny.zip": tiny},
        "300 MB of zeros": {"zeros.zip": zeros},
        "a zip of zips of zeros": {"z.zip": zipped([(f"{n}.zip", zeros, 8) for n in range(9)])},
        "49 megapixels": {"large.png": png_of(7000, 7000, 0, 7000)},
        "900 megapixels": {"huge.png": png_of(30_000, 30_000, 0, 6000)},
        "49 megapixels of RGBA, three times": {
            f"{n}.png": png_of(7000, 7000, 6, 7000) for n in range(3)
        },
        "49 megapixels of 16 bits": {"deep.png": png_of(7000, 7000, 0, 7000, depth=16)},
        "49 megapixels of floats": {"deep.tiff": _saved(flat.convert("F"), "TIFF")},
        "25 megapixels of WebP": {"large.webp": _saved(small, "WEBP", quality=1, method=0)},
        "25 megapixels of AVIF": {"large.avif": _saved(small, "AVIF", speed=10)},
        "65,000 times the same bytes": {"overlap.zip": overlapping(65_000, mine)},
        "every harmless name": {"names.zip": zipped([(name, mine, 8) for name in harmless])},
    }


# ---- one case


def check(files: Mapping[str, bytes], shows: bool) -> str:
    """Run one case in a home of its own; gives what came of it: "kept" or the error's key."""
    with tempfile.TemporaryDirectory(prefix="seedling-fuzz-") as name:
        home = Path(name)
        source = home / "source"
        source.mkdir()
        for file, data in files.items():
            (source / file).write_bytes(data)
        return look(home, sorted(files), shows)


def look(home: Path, files: list[str], shows: bool) -> str:
    """Take in what lies in ``home/source`` and check what came of it, perhaps as the page shows it.

    Not always: the page brings 350 MB of its own along, before a picture has been seen.
    """
    source, sets = home / "source", home / "sets"
    began = time.monotonic()
    try:
        images, report = take_in(sorted(source.iterdir()), sets / "1")
    except UserError as problem:
        outcome, page = problem.key, refusal_html(problem) if shows else ""
        assert problem.text("en") and problem.text("zh")
        assert not sets.exists(), "a refused upload left something behind"
    else:
        outcome, page = "kept", summary_html(images, report) if shows else ""
        assert [path.name for path in sets.iterdir()] == ["1"]
        assert {path.suffix for path in (sets / "1").iterdir()} <= {
            ".bin",
            ".json",
            ".safetensors",
        }
    took = time.monotonic() - began
    assert took < MAX_SECONDS, f"took {took:.1f} s"
    assert sorted(path.name for path in source.iterdir()) == files
    assert {path.name for path in home.iterdir()} <= {"source", "sets"}
    assert not any(place.exists() for place in (home.parent / OUTSIDE, Path(f"/tmp/{OUTSIDE}")))
    assert "<b id=evil" not in page and "<img src=x" not in page, "a name became markup"
    return outcome


def summary_html(images: ImageSet, report: Report) -> str:
    from ui.data.view import advice, class_rows, set_headline

    parts = (set_headline(images, report, "en"), advice(images, report, "zh"))
    return "".join(parts) + class_rows(images, "en")


def refusal_html(problem: UserError) -> str:
    from ui.common.html import problem_html

    return problem_html(problem, "en") + problem_html(problem, "zh")


# ---- workers, and who sends them


def work(cases: int, start: int, shows: bool) -> dict[str, Any]:
    """Check ``cases`` uploads; gives how often each outcome came, the slowest, and the memory."""
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    if shows:  # what the page imports is not the first case's time
        importlib.import_module("ui.data.view")

    @seed(start)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(uploads)
    def many(files: dict[str, bytes]) -> None:
        nonlocal slowest
        began = time.monotonic()
        outcomes[check(files, shows)] += 1
        slowest = max(slowest, time.monotonic() - began)

    many()
    memory = 0.0 if shows else memory_used()
    return {"outcomes": outcomes, "slowest": slowest, "memory": memory}


def work_on_special(home: Path) -> dict[str, Any]:
    """Check the one large upload that lies in ``home/source``."""
    began = time.monotonic()
    outcome = look(home, sorted(path.name for path in (home / "source").iterdir()), shows=False)
    took = time.monotonic() - began
    return {"outcomes": {outcome: 1}, "slowest": took, "memory": memory_used()}


def memory_used() -> float:
    """The most that this process ever had, in MB; what it has now, where that is not told."""
    status = Path("/proc/self/status")  # getrusage counts what the parent had, too
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        memory = int(peak.split()[1]) / 1024
    else:
        memory = psutil.Process().memory_info().rss / 2**20
    assert memory < MAX_MEMORY, f"{memory:.0f} MB"
    return memory


class Tally:
    """Outcomes, the slowest case and the most memory, over all workers that came to their end."""

    def __init__(self) -> None:
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.slowest = self.memory = 0.0
        self.failed = 0

    def send(self, name: str, *arguments: str) -> None:
        """Let a worker do its part; a crash, a hang and a failed check are failures."""
        command = [sys.executable, "-m", "tests.fuzz", "--worker", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=WORKER_SECONDS)
        except subprocess.TimeoutExpired:
            self.failed += 1
            print(f"{name}: no end after {WORKER_SECONDS:.0f} s", flush=True)
            return
        if done.returncode:
            self.failed += 1
            print(f"{name}: exit {done.returncode}\n{done.stderr[-3000:]}", flush=True)
            return
        said = json.loads(done.stdout.splitlines()[-1])
        self.outcomes.update(said["outcomes"])
        self.slowest = max(self.slowest, said["slowest"])
        self.memory = max(self.memory, said["memory"])
        few = " ".join(said["outcomes"]) if len(said["outcomes"]) == 1 else "done"
        print(f"{name}: {few}, {said['slowest']:.2f} s, {said['memory']:.0f} MB", flush=True)


def main() -> int:
    """Send the workers and add up; gives 1 if any failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--special", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--shows", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        special = options.special
        given = options.cases, options.seed, options.shows
        found = work_on_special(special) if special else work(*given)
        print(json.dumps(found))
        return 0
    tally, began = Tally(), time.monotonic()
    for name, files in specials().items():
        with tempfile.TemporaryDirectory(prefix="seedling-fuzz-") as folder:
            for file, data in files.items():
                path = Path(folder) / "source" / file
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
            tally.send(name, "--special", folder)
    for number, start in enumerate(range(0, options.cases, PER_WORKER)):
        cases = min(PER_WORKER, options.cases - start)
        seeds = str(options.seed + start)
        more = ["--shows"] if number % 2 else []
        tally.send(f"{cases} from {seeds}", "--cases", str(cases), "--seed", seeds, *more)
    for key, count in tally.outcomes.most_common():
        print(f"{count:7,}  {key}")
    print(
        f"{sum(tally.outcomes.values()):,} cases in {time.monotonic() - began:.0f} s: "
        f"{tally.failed} workers failed, slowest {tally.slowest:.2f} s, "
        f"at most {tally.memory:.0f} MB"
    )
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
