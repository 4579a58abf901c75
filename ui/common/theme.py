"""Colours, fonts and corners.

All other looks are in assets/style.css.
"""

from __future__ import annotations

import gradio as gr

LEAF = gr.themes.Color(
    name="leaf",
    c50="#eef8f2",
    c100="#dcf0e4",
    c200="#bfe3cd",
    c300="#93cfab",
    c400="#5fb384",
    c500="#3d9e69",
    c600="#2f8f5b",
    c700="#26764b",
    c800="#1f5e3d",
    c900="#194c32",
    c950="#0d2c1c",
)


def make_theme() -> gr.themes.Base:
    """Calm, round and green, for light and dark; uses fonts of the machine, none of the net."""
    fonts = ["system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"]
    return gr.themes.Base(
        primary_hue=LEAF,
        secondary_hue=LEAF,
        neutral_hue=gr.themes.colors.stone,
        font=fonts,
        font_mono=["ui-monospace", "Consolas", "monospace"],
        radius_size="lg",
        text_size="lg",
        spacing_size="md",
    ).set(
        body_background_fill="#fbfcfa",
        body_background_fill_dark="#161a17",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*primary_50",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_border_width="1px",
        checkbox_label_background_fill="white",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_background_fill_dark="*neutral_800",
        checkbox_label_border_width="1px",
        checkbox_background_color_selected="*primary_600",
        input_background_fill="white",
        input_border_color="*neutral_300",
        input_background_fill_dark="*neutral_800",
        input_border_width="1px",
        slider_color="*primary_700",
        block_info_text_color="*neutral_500",
        loader_color="*primary_600",
    )
