"""Step 4 as HTML: a classifier's evaluation in sentences and tables."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from training.core.messages import t
from training.data.imageset import ImageSet
from training.jobs.live import RunStatus
from ui.common import plots
from ui.common.glossary import explained
from ui.common.html import percent, say
from ui.common.images import jpeg_uri

CARD_SIDE = 224  # px


def mistake_card(images: ImageSet, wrong: Mapping[str, Any], language: str) -> str:
    """One of ``most_wrong``: its picture, the true class, the guess and how sure it was."""
    caption = say(
        "result.caption",
        language,
        truth=str(wrong["truth"]),
        guess=str(wrong["guess"]),
        confidence=percent(wrong["confidence"]),
    )
    source = jpeg_uri(images.square(wrong["index"], CARD_SIDE))
    return f'<figure><img alt="" src="{source}"><figcaption>{caption}</figcaption></figure>'


def before(run: RunStatus, evaluated: list[RunStatus]) -> RunStatus | None:
    """The newest earlier run of the same kind, evaluated on the very same pictures.

    That is: same data set, same edits and same seed, which decides the split.
    """
    for each in evaluated:
        if each.info.kind != run.info.kind:
            continue
        same = each.info.data == run.info.data and each.info.edits == run.info.edits
        seeds = each.info.config["seed"], run.info.config["seed"]
        if same and seeds[0] == seeds[1] and each.info.created < run.info.created:
            return each
    return None


def result_headline(result: Mapping[str, Any], earlier: RunStatus | None, language: str) -> str:
    """The accuracy with its 95 % range, against the baseline and the ``earlier`` run if any."""
    low, high = result["accuracy_range"]
    says = t(
        "result.says",
        language,
        right=result["right"],
        count=result["count"],
        low=round(low * 100),
        high=round(high * 100),
    )
    evaluated_on = t(f"result.on_{result['evaluated_on']}", language)
    # Of what is shown, so that whoever subtracts gets the same.
    gain = round(result["accuracy"] * 100) - round(result["baseline"] * 100)
    key = "result.baseline" if low > result["baseline"] else "result.baseline_weak"
    lines = [
        says,
        evaluated_on,
        t(key, language, baseline=percent(result["baseline"]), gain=gain),
    ]
    if earlier is not None and earlier.result is not None:
        lines.append(
            say(
                "result.before",
                language,
                name=earlier.info.name,
                accuracy=percent(earlier.result["accuracy"]),
            )
        )
    lines.append(
        t(
            "result.how",
            language,
            train=f"{result['train_images']:,}",
            seconds=round(result["seconds"]),
        )
    )
    big, rest = lines[0], "".join(f"<p>{line}</p>" for line in lines[1:])
    return (
        f'<div class="verdict"><div class="score"><b>{percent(result["accuracy"])}</b>'
        f'{_range_bar(result)}</div><div><h2 class="big">{big}</h2>{rest}</div></div>'
    )


def _range_bar(result: Mapping[str, Any]) -> str:
    """0 to 100 %: the range as a band, the accuracy and the baseline as marks."""
    low, high = (share * 100 for share in result["accuracy_range"])
    return (
        f'<div class="range" aria-hidden="true"><i style="left:{low:.1f}%;width:{high - low:.1f}%">'
        f'</i><u style="left:{result["baseline"] * 100:.1f}%"></u>'
        f'<s style="left:{result["accuracy"] * 100:.1f}%"></s></div>'
    )


def per_class_table(result: Mapping[str, Any], language: str) -> str:
    """Recall, precision and F1 of every class as a table; macro averages stand below it."""
    columns = ("class", "count", "recall", "precision", "f1")
    heads = "".join(
        f'<th scope="col" title="{t(f"result.column_{c}_info", language)}">'
        f"{t(f'result.column_{c}', language)}</th>"
        for c in columns
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(plots.shorten(row["name"], 40))}</th>'
        f'<td>{row["count"]}</td><td class="bar"><i style="width:{row["recall"] * 100:.0f}%"></i>'
        f"<span>{percent(row['recall'])}</span></td>"
        f"<td>{percent(row['precision'])}</td><td>{row['f1']:.2f}</td></tr>"
        for row in result["per_class"]
    )
    tail = t(
        "result.macro",
        language,
        recall=percent(result["macro_recall"]),
        f1=f"{result['macro_f1']:.2f}",
    )
    note = explained(t("result.per_class_note", language), language, "recall", "precision")
    return (
        f'<div class="table-box"><table class="scores"><thead><tr>{heads}</tr></thead>'
        f'<tbody>{rows}</tbody></table></div><p class="note">{tail} {note}</p>'
    )
