"""Step 1 as HTML and rows.

Names of classes and files are never markup.
"""

from __future__ import annotations

import html

import numpy as np

from training.core.messages import t
from training.data.imageset import ImageSet
from training.data.splits import is_for_generators
from training.intake.datasets import Source
from training.intake.report import Report
from training.jobs.datasets import Edits
from ui.common.html import box, data_title, message_html, note, say
from ui.common.images import jpeg_uri

THUMB_SIDE = 72  # px
THUMBS_PER_CLASS, MAX_THUMBS, MAX_CLASSES_SHOWN, MAX_SKIPPED = 12, 200, 40, 500

DROP_TEMPLATE = """
<div class="drop-inner">
  <svg width="44" height="44" viewBox="0 0 24 24" fill="none" stroke="currentColor"
       stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
    <rect x="3" y="3" width="18" height="18" rx="3"/><circle cx="9" cy="9" r="1.8"/>
    <path d="m4 17 5-5 4 4 3-3 4 4"/></svg>
  <p class="drop-title by-mouse">${words.title}</p>
  <p class="drop-title by-touch">${words.title_touch}</p>
  <p class="drop-hint">${words.hint}</p>
  <div class="drop-buttons">
    <label class="pick">${words.files}<input type="file" multiple
      aria-label="${words.files}"></label>
    <label class="pick">${words.folder}<input type="file" webkitdirectory multiple
      aria-label="${words.folder}"></label>
  </div>
  <p class="drop-status" role="status"></p>
</div>
"""


def drop_words(language: str) -> dict[str, str]:
    """The texts of ``DROP_TEMPLATE``, and "sending", which the zone's script shows."""
    names = ("title", "title_touch", "hint", "files", "folder", "sending")
    return {name: t(f"data.drop_{name}", language) for name in names}


def source_label(source: Source, language: str) -> str:
    """Title, counts and, for a download, MB: the text of a button or a choice."""
    title = source.title.text(language)
    key = "data.source_download" if source.kind == "download" else "data.source_example"
    return t(
        key,
        language,
        title=title,
        classes=source.classes,
        pictures=f"{source.pictures:,}",
        size=round(source.download_mb or 0),
    )


def download_note(source: Source | None, language: str) -> str:
    """The licence of a downloadable set; "" for a name that is none."""
    if source is None:
        return ""
    return f'<p class="note">{say("data.download_note", language, licence=source.licence)}</p>'


def _count(count: int, language: str) -> str:
    return t("data.pictures", language, count=count)


def set_headline(images: ImageSet, report: Report, language: str) -> str:
    """Pictures and classes in one sentence, how folders were read, and what was skipped."""
    keys = ("data.headline_flat", "data.headline_one", "data.headline")
    key = keys[min(2, len(images.class_names))]
    says = say(
        key,
        language,
        name=data_title(images.name, language),
        pictures=f"{len(images):,}",
        classes=len(images.class_names),
    )
    layout = html.escape(report.layout_text(language))
    skipped = ""
    if report.skipped:
        skipped = " " + t("data.headline_skipped", language, count=len(report.skipped))
    return f'<h2 class="headline">{says}</h2><p class="note">{layout}{skipped}</p>'


def advice(images: ImageSet, report: Report, language: str) -> str:
    """The warnings, each with what to do; "" where there is nothing to say.

    Sets that only a generator can learn from are recommended to one.
    """
    said = [message_html(warning, language) for warning in report.warnings]
    if is_for_generators(images):
        said.append(t("data.for_generators", language))
    if not said:
        return ""
    items = "".join(f"<li>{each}</li>" for each in said)
    return box("advice", f"<strong>{t('data.advice', language)}</strong><ul>{items}</ul>")


def class_rows(images: ImageSet, language: str) -> str:
    """Each class with its count, a bar and some of its pictures, evenly picked.

    At most ``MAX_CLASSES_SHOWN`` classes and ``MAX_THUMBS`` pictures, since each thumbnail is
    sent inside the page. Without classes, the first 24 pictures.
    """
    counts = images.counts()
    names = list(counts)[:MAX_CLASSES_SHOWN]
    most = max(counts.values(), default=1)
    each = max(2, min(THUMBS_PER_CLASS, MAX_THUMBS // max(1, len(names))))
    rows = "".join(
        _class_row(images, number, name, counts[name] / max(1, most), each, language)
        for number, name in enumerate(names)
    )
    if not names:
        rows = f'<div class="thumbs">{_thumbs(images, range(min(len(images), 24)))}</div>'
    more = len(counts) - len(names)
    tail = note(t("data.more_classes", language, count=more)) if more > 0 else ""
    return f'<div class="classes">{rows}</div>{tail}'


def _class_row(
    images: ImageSet, number: int, name: str, share: float, each: int, language: str
) -> str:
    rows = np.flatnonzero(images.labels == number)
    chosen = rows[np.linspace(0, len(rows) - 1, min(each, len(rows))).astype(int)]
    count = _count(len(rows), language)
    return (
        f'<div class="class-row"><div class="class-name"><b>{html.escape(name)}</b>'
        f'<span>{count}</span><i style="width:{share * 100:.0f}%"></i></div>'
        f'<div class="thumbs">{_thumbs(images, chosen)}</div></div>'
    )


def _thumbs(images: ImageSet, indices: np.ndarray | range) -> str:
    return "".join(
        f'<img alt="" width="{THUMB_SIDE}" height="{THUMB_SIDE}" '
        f'src="{jpeg_uri(images.square(int(index), THUMB_SIDE))}">'
        for index in indices
    )


def edit_headers(language: str) -> list[str]:
    """The editor's columns, in the order of ``edit_rows``."""
    return [t(f"data.edit_{column}", language) for column in ("class", "count", "new")]


def edit_rows(images: ImageSet, edits: Edits) -> list[list[str]]:
    """Class as it came, its count, and its name to be; "" where it is left out."""
    return [
        [name, str(count), edits.get(name, name) or ""] for name, count in images.counts().items()
    ]


def skipped_headers(language: str) -> list[str]:
    """The columns of the files left out, on the page and in the CSV."""
    return [t("data.skipped_file", language), t("data.skipped_reason", language)]


def skipped_rows(report: Report, language: str) -> list[list[str]]:
    """The first ``MAX_SKIPPED`` files that were left out, and why; the CSV has all."""
    return [[each.file, each.reason.text(language)] for each in report.skipped[:MAX_SKIPPED]]
