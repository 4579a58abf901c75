"""The first minute: something that moves, three ways on, and a model within five presses."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenPage, Server

PICTURE = ".start-frame img.latent-picture"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_something_moves_at_the_door(
    open_page: OpenPage, server: Server, width: int, height: int
) -> None:
    page = open_page(server.url, width=width, height=height)
    picture = page.locator(PICTURE).first
    expect(picture).to_be_in_viewport()
    before = picture.get_attribute("src") or ""
    sliders = page.locator(".start-row").get_by_role("slider")
    expect(sliders).to_have_count(3)
    sliders.first.press("End")
    expect(picture).not_to_have_attribute("src", before)
    moved = picture.get_attribute("src") or ""
    page.get_by_role("button", name="Another picture").click()
    expect(picture).not_to_have_attribute("src", moved)
    expect(sliders.first).to_have_value("3")
    for door in ("Play", "Teach it", "My pictures"):
        expect(page.get_by_role("button", name=re.compile(f"^{door}"))).to_be_in_viewport()


def test_each_door_leads_on_and_back(open_page: OpenPage, server: Server) -> None:
    page = open_page(server.url)
    selected = page.locator(".steps [role=tab][aria-selected=true]").first
    for door, leads in (("Play", "6 Slide"), ("My pictures", "1 Data"), ("Teach it", "2 Train")):
        page.get_by_role("button", name=re.compile(f"^{door}")).click()
        expect(selected).to_have_text(leads)
        page.go_back()
        expect(selected).to_have_text("Start")
    page.go_forward()
    expect(page.locator(".learning-from")).to_contain_text("420 pictures")
    page.goto(server.url)  # who has pictures is not led to the door again
    expect(selected).to_have_text("1 Data")
