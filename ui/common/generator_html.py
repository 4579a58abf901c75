"""Samples and metrics as HTML.

What a generator's run shows: its sample grids, and its metrics as three meters in words.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from models.gans.registry import ARCHITECTURES
from training.core.messages import t
from training.gan.config import USUAL, GanConfig
from training.gan.setup import class_count
from training.jobs.live import RunStatus
from training.kinds import read_config
from training.latent.sampler import MAX_CLASS_ROWS
from training.metrics.evaluation import GanMetrics
from training.runs.folder import RunFolder
from ui.common import verdicts
from ui.common.html import box, percent, say

SMALL_FILE = 300_000  # bytes; larger pictures are sent as JPEG
CRISP = 400  # px; wider grids have pictures large enough to be scaled smoothly
FEW = 200  # pictures on either side, below which the numbers wobble
NEAR = 0.5  # of the usual distance between two real pictures: nearer ones are for people to check


def is_gan(run: RunStatus | None) -> bool:
    """Whether a GAN is trained there; false where no run is shown."""
    return run is not None and run.info.kind == GanConfig.kind


# ---- pictures


def row_names(folder: RunFolder) -> tuple[str, ...]:
    """The class of each row of a run's sample grid; empty where rows are not classes.

    Empty too where the pictures that it learned from have been deleted.
    """
    config = read_config(folder)
    try:
        images = folder.images()
    except FileNotFoundError:
        return ()
    if not isinstance(config, GanConfig):
        return ()
    count = class_count(config, images, images.given("train"))
    return images.class_names if 0 < count <= MAX_CLASS_ROWS else ()


def newest_shot(folder: RunFolder, name: str) -> tuple[int, Path] | None:
    """The newest picture called ``name`` and the images seen until then; ``None`` before any."""
    shots = folder.shots(name)
    return shots[-1] if shots else None


def grid_html(path: Path, caption: str, rows: Sequence[str], alt: str) -> str:
    """A grid of samples with the class of each row beside it; "" if the file is gone by now.

    ``caption`` is HTML; ``rows`` and ``alt`` are text.
    """
    try:
        source, (width, height) = _read(path)
    except FileNotFoundError:  # a resumed run takes back what came after its checkpoint
        return ""
    names = "".join(f"<span>{html.escape(name)}</span>" for name in rows)
    kind = "crisp" if width <= CRISP else "smooth"
    return (
        f'<figure class="grid"><div class="grid-body">'
        f'{f"""<div class="grid-rows" aria-hidden="true">{names}</div>""" if names else ""}'
        f'<div class="grid-cell"><img class="{kind}" alt="{html.escape(alt)}" src="{source}" '
        f'width="{width}" height="{height}" decoding="sync" style="--natural:{width}px"></div>'
        f"</div>{f'<figcaption>{caption}</figcaption>' if caption else ''}</figure>"
    )


def _read(path: Path) -> tuple[str, tuple[int, int]]:
    """The file as a data URI, and (width, height); up to ``SMALL_FILE`` bytes without loss."""
    data = path.read_bytes()
    with Image.open(BytesIO(data)) as opened:
        size, kind = opened.size, "png"
        if len(data) > SMALL_FILE:
            file, kind = BytesIO(), "jpeg"
            opened.convert("RGB").save(file, "JPEG", quality=88, subsampling=0)
            data = file.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}", size


def kept(result: Mapping[str, Any] | None) -> str:
    """Which generator is in use; empty without a result, and where there was never a choice."""
    return str((result or {}).get("kept", ""))


def kept_words(result: Mapping[str, Any], language: str) -> str:
    """Which generator of the run is in use: its best or its last, and after how many pictures."""
    values = {key: f"{result[key]:,}" for key in ("best_seen", "images_seen")}
    if result["best_seen"] == result["images_seen"]:
        return t("gan.kept_both", language, **values)
    return t(f"gan.kept_{result.get('kept', 'best')}", language, **values)


def samples_html(
    folder: RunFolder, shot: tuple[int, Path] | None, language: str, caption: str = ""
) -> str:
    """A sample grid of the run, by default captioned with the images seen; "" where there is none.

    ``caption`` is HTML.
    """
    if shot is None:
        return ""
    seen = f"{shot[0]:,}"
    names = row_names(folder)
    alt = t("gan.grid_alt", language, seen=seen)
    if names:
        alt += " " + t("gan.grid_rows", language, names=", ".join(names))
    caption = caption or t("gan.grid_caption", language, seen=seen)
    return grid_html(shot[1], caption, names, alt)


def suspicious_html(
    folder: RunFolder, metrics: GanMetrics, language: str, name: str = "suspicious"
) -> str:
    """The samples nearest to a training picture above those pictures; "" where none are known.

    ``name`` is that of the picture in the run's folder.
    """
    shot = newest_shot(folder, name)
    if shot is None or not metrics.suspicious:
        return ""
    nearest = metrics.suspicious[0].ratio
    key = "gan.suspicious_near" if nearest < NEAR else "gan.suspicious_far"
    caption = t(key, language, nearest=percent(nearest))
    rows = [t(f"gan.suspicious_{row}", language) for row in ("made", "real")]
    grid = grid_html(shot[1], caption, rows, t("gan.suspicious_alt", language))
    return f'<div class="suspicious">{grid}</div>'


# ---- meters


def metrics_html(
    metrics: GanMetrics, config: Mapping[str, Any], collapsed: bool, language: str
) -> str:
    """Quality, variety and copying: what is good, the numbers, and what they can't tell.

    ``config`` is the run's; a collapsed one is told what it has not tried yet.
    """
    alarm = ""
    if collapsed:
        items = "".join(f"<li>{t(f'gan.cure_{cure}', language)}</li>" for cure in cures(config))
        alarm = box("problem", f"{t(verdicts.alarm(metrics), language)}<ul>{items}</ul>")
    sections = (
        verdicts.quality_level(metrics),
        verdicts.variety_level(metrics),
        verdicts.copying_level(metrics),
    )
    names = ("quality", "variety", "copying")
    body = "".join(
        _meter(name, level, share, _numbers(name, metrics, language), language)
        for name, (level, share) in zip(names, sections, strict=True)
    )
    few = min(metrics.count, metrics.reference_count) < FEW
    note = f'<p class="note">{t("gan.few", language)}</p>' if few else ""
    plain = verdicts.plain_words(metrics, language)
    return f'{alarm}{plain and f"<p>{plain}</p>"}<div class="meters">{body}</div>{note}'


def cures(config: Mapping[str, Any]) -> list[str]:
    """What helps against collapse, as parts of sentence keys, without what is in ``config``."""
    done = {
        "relativistic": loss_of(config) == "relativistic",
        "augment": config["augment"] != "none",
        "d_lr": config["d_lr_factor"] < 1,
        "classes": config["conditional"],
        "time": False,
    }
    return [name for name, is_done in done.items() if not is_done]


def loss_of(config: Mapping[str, Any]) -> str:
    """The name of the loss of a run, whose config may be one that this version can't read."""
    return str(config["loss"] or USUAL[config["architecture"]].loss)


def _meter(name: str, level: str, share: float | None, numbers: str, language: str) -> str:
    title, word = t(f"gan.{name}", language), t(f"gan.{name}_{level}", language)
    bar = ""
    if share is not None:
        middle = "<u></u>" if name == "copying" else ""
        bar = (
            f'<div class="meter-bar" role="meter" aria-label="{title}" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{share * 100:.0f}">'
            f'<i style="width:{share * 100:.0f}%"></i>{middle}</div>'
        )
    return (
        f'<section class="meter {level}"><h3>{title} <b>{word}</b></h3>{bar}'
        f"<p>{t(f'gan.{name}_{level}_info', language)}</p>"
        f"{_folded(numbers, language)}</section>"
    )


def _folded(numbers: str, language: str) -> str:
    """For those who want to know exactly."""
    if not numbers:
        return ""
    return (
        f'<details class="numbers"><summary>{t("gan.numbers", language)}</summary>'
        f"<p>{numbers}</p></details>"
    )


def _numbers(name: str, metrics: GanMetrics, language: str) -> str:
    if name == "quality":
        return _quality_numbers(metrics, language)
    if name == "variety":
        values = {
            "variety": percent(metrics.variety),
            "distinct": percent(metrics.distinct),
            "coverage": percent(metrics.coverage),
            "density": f"{metrics.density:.2f}",
        }
        twins = ""
        if metrics.repeated is not None:
            twins = " " + t("gan.twins", language, share=percent(metrics.repeated))
        if metrics.variety_within is None:
            return t("gan.variety_numbers", language, **values) + twins
        within = percent(metrics.variety_within)
        says = t("gan.variety_numbers_classes", language, within=within, **values)
        if metrics.faithful is not None and metrics.faithful_real is not None:
            own, real = percent(metrics.faithful), percent(metrics.faithful_real)
            says += " " + t("gan.faithful", language, own=own, real=real)
        return says + twins
    if metrics.copied_share is None or metrics.copied_range is None:
        return ""
    low, high = metrics.copied_range
    values = {"share": percent(metrics.copied_share), "low": percent(low), "high": percent(high)}
    is_old = metrics.copied_tail_p is None  # of a version that compared in another way
    return t("gan.copying_numbers_old" if is_old else "gan.copying_numbers", language, **values)


def _quality_numbers(metrics: GanMetrics, language: str) -> str:
    space = space_name(metrics.space, language)
    reference = t(f"gan.against_{metrics.reference}", language, count=metrics.reference_count)
    says = say(
        "gan.quality_numbers",
        language,
        fd=number(metrics.fd),
        kid=number(metrics.kid),
        space=space,
        count=metrics.fd_count or metrics.count,
        reference=reference,
    )
    if metrics.precision is not None and metrics.recall is not None:
        values = {"precision": percent(metrics.precision), "recall": percent(metrics.recall)}
        says += " " + t("gan.precision_recall", language, **values)
    if metrics.fd_floor is not None:
        says += " " + t("gan.quality_floor", language, floor=number(metrics.fd_floor))
    return says


def space_name(space: str, language: str) -> str:
    """The feature space in words; no distance means anything without it."""
    key = "gan.space_random" if space.startswith("random") else "gan.space_known"
    return t(key, language, name=space)


def number(value: float) -> str:
    """A distance to three digits, or to whole numbers from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def architecture_name(name: str, language: str) -> str:
    """A family as the form calls it; its bare name, escaped, where it is no longer registered."""
    return t(f"gan.arch_{name}", language) if name in ARCHITECTURES else html.escape(name)


def read_metrics(data: Mapping[str, Any] | None) -> GanMetrics | None:
    """The metrics in a preview or a result, whose other entries are passed over."""
    if data is None:
        return None
    known = GanMetrics.__dataclass_fields__
    return GanMetrics.from_json({name: value for name, value in data.items() if name in known})
