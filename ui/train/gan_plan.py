"""What step 2 knows of a generator's training: cost, what teaches, honest advice, the command."""

from __future__ import annotations

import dataclasses

from models.gans.cost import gan_cost
from models.gans.registry import ARCHITECTURES, GanShape
from models.registry import BACKBONES
from models.weights import shipped_names
from training.core.device import list_devices, on_zerogpu
from training.core.messages import t
from training.core.settings import settings_of
from training.data.imageset import ImageSet
from training.data.splits import GAN_MIN, GAN_PLENTY, Split
from training.gan.config import GanConfig, penalty_weight, seconds_needed
from training.gan.setup import class_count
from training.gan.transfer import SCRATCH, decide, default_start, fitting_starts
from training.jobs.datasets import DataSet
from ui.common.html import duration, millions, say, shipped_label
from ui.train.classifier_plan import StartPreview, command, config_changes

LARGE = 256  # px that only a graphics card learns in bearable time


def gan_plan(config: GanConfig, images: ImageSet, split: Split, language: str) -> StartPreview:
    """Who learns from what, what it costs, and what these pictures can give."""
    classes = class_count(config, images, split.train)
    details = [
        _class_line(config, images, classes, language),
        _network_line(config, classes, language),
        _start_line(config, images, language),
    ]
    says = _says(config, split, language)
    return StartPreview(
        says, _advice(config, images, split, language), [each for each in details if each]
    )


def _says(config: GanConfig, split: Split, language: str) -> str:
    says = say(
        "gan.plan" if len(split.test) else "gan.plan_all",
        language,
        learn=f"{len(split.train):,}",
        judge=f"{len({*split.val.tolist(), *split.test.tolist()}):,}",
        time=duration(config.minutes * 60, language),
        start=_start(config, language),
    )
    card = BACKBONES[config.d_backbone].card if config.d_backbone else None
    if card is not None and not card.is_here():
        says += " " + say("train.plan_download", language, size=f"{card.size_mb:.0f}")
    return says


def _start(config: GanConfig, language: str) -> str:
    if config.start_from in shipped_names("gan"):
        name = shipped_label(config.start_from, language)
        return t("gan.plan_from_shipped", language, name=name)
    return t("gan.plan_from_run" if config.start_from else "gan.plan_from_scratch", language)


def _class_line(config: GanConfig, images: ImageSet, classes: int, language: str) -> str:
    if classes:
        return t("gan.plan_classes", language, count=classes)
    if config.conditional and len(images.class_names) > 1:
        return t("gan.plan_part_labelled", language)
    return t("gan.plan_no_classes", language)


def _start_line(config: GanConfig, images: ImageSet, language: str) -> str:
    """Why it begins with that, where there was a choice."""
    near = default_start(config, images)
    if near and config.start_from == near:
        return say("gan.plan_start", language, name=shipped_label(near, language))
    far = not config.start_from and fitting_starts(config) and not near
    return t("gan.plan_scratch", language) if far else ""


def _network_line(config: GanConfig, classes: int, language: str) -> str:
    entry = ARCHITECTURES[config.architecture]
    width = config.width or entry.widths["medium"]
    shape = GanShape(
        config.architecture,
        config.resolution,
        classes,
        width,
        entry.latent_size,
        batch_norm=penalty_weight(config) == 0,
    )
    cost = gan_cost(shape)
    generator = millions(cost.generator_parameters)
    if config.d_backbone:
        says = say("gan.plan_teacher", language, generator=generator, teacher=config.d_backbone)
    else:
        says = say(
            "gan.plan_networks",
            language,
            generator=generator,
            discriminator=millions(cost.discriminator_parameters),
            cost=millions(cost.multiply_adds),
        )
    return says if config.width or config.start_from else f"{says} {t('gan.plan_width', language)}"


def _advice(config: GanConfig, images: ImageSet, split: Split, language: str) -> list[str]:
    """What a set of this size can and can't give, and a start of other pictures than these."""
    count, advice = len(split.train), []
    is_shipped = config.start_from in shipped_names("gan")
    if is_shipped and default_start(config, images) != config.start_from:
        advice.append(t("gan.advice_far", language))
    if count < GAN_MIN and not len(split.test):
        advice.append(t("gan.advice_tiny", language, count=count, least=GAN_MIN))
    elif count < GAN_PLENTY:
        advice.append(t("gan.advice_small", language, count=count))
    if count < GAN_PLENTY and config.augment == "none":
        advice.append(t("gan.advice_augment", language))
    if count < GAN_PLENTY and not config.start_from:
        advice.append(t("gan.advice_transfer", language))
    if list_devices()[0] == "cpu" and not on_zerogpu():
        advice += _patience(config, language)
    return advice


def _patience(config: GanConfig, language: str) -> list[str]:
    """What takes long without a graphics card."""
    if config.resolution >= LARGE:
        return [t("gan.advice_large", language, side=config.resolution)]
    needed = seconds_needed(config.architecture, config.resolution)
    is_quick = needed <= seconds_needed(GanConfig.architecture, config.resolution)
    if is_quick or config.start_from or needed <= config.minutes * 60:
        return []
    return [t("gan.advice_slow", language, minutes=duration(needed, language))]


def command_line(config: GanConfig, dataset: DataSet) -> str:
    """The same training from a terminal."""
    usual = decide(GanConfig(start_from=config.start_from))
    usual = dataclasses.replace(usual, start_from=default_start(config, dataset.images()))
    changed = config_changes(config.to_json(), usual.to_json())
    if "start_from" in changed and not config.start_from:
        changed["start_from"] = SCRATCH
    names = ("architecture", "loss", "resolution", "minutes")
    flags = {**{name: getattr(config, name) for name in names}, **changed}
    said = {
        setting.flag or name: flags[name]
        for name, setting in settings_of(GanConfig).items()
        if name in flags
    }
    return command("gan", dataset.source, said)
