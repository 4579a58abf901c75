"""What a person does, from pictures to a model, in a real browser."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import OpenPage, Server
from tests.serving import free_port, start_server

LINE = ".charts .mark-line path"  # what vega draws a curve as
LONG = 60_000  # ms; for what waits for training
LATE = 1500  # ms after which hardly any answer is still on its way


def upload(page: Page, path: Path | list[Path], button: str = "Choose files") -> None:
    page.get_by_label(button, exact=True).set_input_files(path)


def step(page: Page, number: int) -> None:
    page.get_by_role("tab", name=re.compile(f"^{number} ")).click()


def open_more(page: Page) -> None:
    """All of step 2 but the time and the button."""
    more = page.get_by_role("button", name="More settings")
    if "open" not in (more.get_attribute("class") or "").split():
        more.click()


def start(page: Page, minutes: str, name: str) -> None:
    """Train from scratch with the form of step 2."""
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    open_more(page)
    page.get_by_role("radio", name=re.compile("^From scratch")).check()
    page.get_by_label("Minutes", exact=True).fill(minutes)
    page.get_by_label("Name of this training").fill(name)
    page.get_by_label("Name of this training").press("Tab")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(f"{name} is learning")).to_be_visible(timeout=LONG)


def curve(page: Page) -> str:
    """The line of the first chart, as the browser draws it."""
    line = page.locator(LINE).first
    expect(line).to_be_attached(timeout=LONG)
    return line.get_attribute("d") or ""


def wait_for_more(page: Page, before: str) -> None:
    line = page.locator(LINE).first
    expect(line).not_to_have_attribute("d", before, timeout=LONG)


def appears(locator: Locator) -> bool:
    try:
        expect(locator).to_be_visible(timeout=5000)
    except AssertionError:
        return False
    return True


def share_right(page: Page) -> float:
    """Of the held-out pictures, when training has ended and its result is shown."""
    page.get_by_role("button", name="See the result").click(timeout=LONG)
    right = page.get_by_text(re.compile(r"\d+ of \d+ right; on new pictures expect"))
    expect(right).to_be_visible()
    found = re.match(r"(\d+) of (\d+)", right.inner_text())
    assert found is not None
    return int(found[1]) / int(found[2])


def test_from_a_zip_to_a_model(
    open_page: OpenPage, shapes_zip: Path, disc_png: Path, server: Server
) -> None:
    page = open_page()
    upload(page, shapes_zip)
    expect(page.get_by_role("heading", name="48 pictures in 2 classes")).to_be_visible()
    expect(page.get_by_text("Left out: 1")).to_be_visible()
    page.get_by_role("button", name="Next: train").click()

    expect(page.get_by_text("kept back to test it honestly")).to_be_visible()
    start(page, "5", "Shapes one")
    wait_for_more(page, curve(page))

    page.reload()
    expect(page.get_by_role("tab", name="3 Watch")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("Shapes one is learning")).to_be_visible()
    wait_for_more(page, curve(page))

    colours = [line.get_attribute("stroke") for line in page.locator(LINE).all()]
    page.get_by_text("中文", exact=True).click()
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    wait_for_more(page, curve(page))
    assert [line.get_attribute("stroke") for line in page.locator(LINE).all()] == colours
    assert "#2f8f5b" in colours
    page.get_by_text("English", exact=True).click()
    expect(page.get_by_text("Shapes one is learning")).to_be_visible()
    wait_for_more(page, curve(page))

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Shapes one is paused")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Shapes one is learning")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Shapes one was stopped")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="See the result").click()

    expect(
        page.get_by_text(re.compile(r"\d+ of \d+ right; on new pictures expect"))
    ).to_be_visible()
    expect(page.get_by_role("rowheader", name="disc")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the model").click()
    assert download.value.suggested_filename.endswith(".zip")
    page.get_by_role("button", name="Try it on a picture").click()

    panel = page.get_by_role("tabpanel").filter(has=page.get_by_label("Model", exact=True))
    panel.locator("input[type=file]").set_input_files(disc_png)
    expect(panel.get_by_text(re.compile(r"^\d+%$")).first).to_be_visible()
    panel.get_by_role("button", name=re.compile("Remove|Clear")).first.click()
    broken = server.home / "broken.png"
    broken.write_bytes(b"no picture")
    panel.locator("input[type=file]").set_input_files(broken)
    expect(panel.get_by_role("alert")).to_contain_text("broken.png")


def test_a_pretrained_network_is_there_from_the_first_minute(
    open_page: OpenPage, shapes_zip: Path
) -> None:
    """Nothing is downloaded, and nothing is chosen: the usual settings will do."""
    page = open_page()
    upload(page, shapes_zip)
    page.get_by_role("button", name="Next: train").click()
    open_more(page)
    expect(page.get_by_label("Starting point").filter(visible=True)).to_have_value(
        re.compile("^seedling-s")
    )
    expect(page.get_by_text("First it downloads")).to_be_hidden()
    page.get_by_role("button", name="Start training").click()
    assert share_right(page) >= 0.8


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_time_and_start_are_in_sight(open_page: OpenPage, width: int, height: int) -> None:
    page = open_page(width=width, height=height)
    page.get_by_role("tab", name="Examples").click()
    page.get_by_role("button", name="In the garden").click()
    page.get_by_role("button", name="Next: train").click(timeout=LONG)
    for kind, says in (("generator", "will learn to paint"), ("classifier", "will learn from")):
        page.get_by_role("radio", name=re.compile(f"^A {kind}")).check()
        expect(page.get_by_text(says)).to_be_visible()
        page.evaluate("scrollTo(0, 0)")
        for seen in (
            page.get_by_role("radio", name="30 minutes").filter(visible=True),
            page.get_by_text(says),
            page.get_by_role("button", name="Start training"),
        ):
            expect(seen).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("radio", name=re.compile("^Quick"))).to_be_hidden()
    open_more(page)
    expect(page.get_by_role("radio", name=re.compile("^Quick"))).to_be_visible()


def test_an_example_in_chinese(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_text("中文", exact=True).click()
    page.get_by_role("tab", name="示例").click()
    page.get_by_role("button", name="花园").click()
    expect(page.get_by_role("heading", name="6 类，共 420 张图片")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="下一步：训练").click()
    expect(page.get_by_text("公正地考它")).to_be_visible()
    page.reload()
    expect(page.get_by_text("公正地考它")).to_be_visible()  # the step has an address
    page.get_by_role("tab", name="1 数据").click()
    expect(page.get_by_role("heading", name="6 类，共 420 张图片")).to_be_visible()
    page.get_by_text("English", exact=True).click()
    expect(page.get_by_role("heading", name="420 pictures in 6 classes")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_term_explains_itself(open_page: OpenPage, width: int) -> None:
    page = open_page(width=width)
    page.get_by_role("tab", name="Examples").click()
    page.get_by_role("button", name="In the garden").click()
    page.get_by_role("button", name="Next: train").click(timeout=LONG)
    term = page.get_by_role("button", name="classifier", exact=True)
    note = page.get_by_role("note").filter(has_text="say which of your classes")
    expect(note).to_be_hidden()
    term.click()
    expect(note).to_be_in_viewport(ratio=1)
    box = note.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    term.focus()
    page.keyboard.press("Enter")
    expect(note).to_be_visible()
    expect(term).to_have_accessible_description(re.compile("say which of your classes"))


def test_another_language_keeps_what_was_written(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("tab", name="Examples").click()
    page.get_by_role("button", name="In the garden").click()
    page.get_by_role("button", name="Next: train").click(timeout=LONG)
    open_more(page)
    page.get_by_label("Name of this training").fill("Mine")
    page.get_by_label("Minutes", exact=True).fill("7")
    page.get_by_text("中文", exact=True).click()
    expect(page.get_by_role("button", name="开始训练")).to_be_visible()
    expect(page.get_by_text("最多 7 分钟")).to_be_visible()
    expect(page.get_by_label("这次训练的名字")).to_have_value("Mine")
    page.get_by_role("tab", name="1 数据").click()  # what was not in sight follows
    expect(page.get_by_role("heading", name="6 类，共 420 张图片")).to_be_visible()
    page.get_by_role("tab", name="6 滑动").click()
    expect(page.get_by_role("button", name="随机")).to_be_visible()


def test_of_two_languages_in_quick_succession_the_second_counts(open_page: OpenPage) -> None:
    page = open_page()
    for first, second, step_two in (("中文", "English", "2 Train"), ("English", "中文", "2 训练")):
        page.get_by_text(first, exact=True).click()
        page.get_by_text(second, exact=True).click()
        expect(page.get_by_role("tab", name=step_two)).to_be_visible()
        expect(page.get_by_role("radio", name=second)).to_be_checked()
    expect(page.locator("html")).to_have_attribute("data-spoken", "zh")


def test_classes_are_renamed_merged_and_brought_back(open_page: OpenPage, shapes_zip: Path) -> None:
    page = open_page()
    upload(page, shapes_zip)
    expect(page.get_by_role("heading", name="48 pictures in 2 classes")).to_be_visible()
    page.get_by_role("button", name="Rename, merge or leave out classes").click()
    cell = page.get_by_role("gridcell", name="disc").or_(page.get_by_text("disc", exact=True)).last
    editor = page.locator("textarea:focus, input:focus")
    cell.dblclick()
    if not appears(editor):  # the table was still being laid out
        cell.dblclick()
    expect(editor).to_have_value("disc")
    editor.fill("<b>ball</b>")
    editor.press("Enter")
    expect(editor).to_have_count(0)
    # The table hands its value over a moment after its editor closes; a person clicks again, too.
    renamed = page.locator(".class-name", has_text="<b>ball</b>")
    page.get_by_role("button", name="Apply").click()
    if not appears(renamed):
        page.get_by_role("button", name="Apply").click()
    expect(renamed).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".class-name", has_text="disc")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("broken.zip", b"PK\x03\x04 and then nothing", "broken.zip"),
        ("empty.zip", b"", "empty.zip"),
        ("big.zip", b"x" * (9 << 20), "8 MB"),
    ],
)
def test_a_bad_upload_is_answered_and_nothing_is_lost(
    open_page: OpenPage, shapes_zip: Path, tmp_path: Path, name: str, data: bytes, sentence: str
) -> None:
    page = open_page()
    upload(page, shapes_zip)
    heading = page.get_by_role("heading", name="48 pictures in 2 classes")
    expect(heading).to_be_visible()
    page.get_by_role("button", name="Start with pictures").click()
    bad = tmp_path / name
    bad.write_bytes(data)
    upload(page, bad)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(heading).to_be_hidden()
    expect(page.get_by_role("button", name="Next: train")).to_be_hidden()
    page.get_by_role("button", name="Go on with 48 pictures of Shapes").click()
    expect(heading).to_be_visible()
    page.reload()
    expect(heading).to_be_visible()


def test_a_folder_keeps_its_classes(open_page: OpenPage, shapes_zip: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shapes_zip) as archive:
        archive.extractall(tmp_path)
    page = open_page()
    page.get_by_label("Choose a folder", exact=True).set_input_files(tmp_path / "shapes")
    expect(page.get_by_role("heading", name="shapes: 48 pictures in 2 classes")).to_be_visible()


def test_only_the_run_that_the_question_names_is_deleted(
    open_page: OpenPage, shapes_zip: Path
) -> None:
    page = open_page()
    upload(page, shapes_zip)
    page.get_by_role("button", name="Next: train").click()
    start(page, "0.05", "Keeper")
    expect(page.get_by_text("Keeper has finished")).to_be_visible(timeout=LONG)
    step(page, 2)
    page.get_by_label("Name of this training").fill("Victim")
    page.get_by_label("Name of this training").press("Tab")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("Victim has finished")).to_be_visible(timeout=LONG)

    question = page.get_by_text("Victim” and its model for good?")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(question).to_be_visible()
    pick(page, "Keeper")
    expect(question).to_be_hidden()

    pick(page, "Victim")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(question).to_be_visible()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.get_by_text("Keeper has finished")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Victim")).to_have_count(0)


def pick(page: Page, name: str) -> None:
    """Choose a run, and wait until the page shows it and goes on showing it.

    An answer that was made before may come after and show the other run once more; that is made
    up for within seconds.
    """
    page.get_by_label("Training", exact=True).click()
    page.get_by_role("option", name=re.compile(name)).click()
    for _ in range(2):
        expect(page.get_by_text(f"{name} has finished")).to_be_visible()
        page.wait_for_timeout(LATE)


def test_two_browsers_do_not_see_each_other(open_page: OpenPage, shapes_zip: Path) -> None:
    anna, ben = open_page(), open_page()
    upload(anna, shapes_zip)
    anna.get_by_role("button", name="Next: train").click()
    start(anna, "0.1", "Annas secret")
    step(ben, 3)
    expect(ben.get_by_text("Nothing is learning yet")).to_be_visible()
    upload_ben = ben.get_by_role("heading", name="48 pictures")
    step(ben, 1)
    expect(upload_ben).to_have_count(0)
    expect(ben.get_by_text("Annas secret")).to_have_count(0)


def test_a_phone_never_scrolls_sideways(open_page: OpenPage, shapes_zip: Path) -> None:
    page = open_page(width=390, height=844)
    upload(page, shapes_zip)
    expect(page.get_by_role("heading", name="48 pictures in 2 classes")).to_be_visible()
    for number in range(1, 6):
        step(page, number)
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], f"step {number}"


def test_a_server_that_was_killed_brings_everybody_back(
    open_page: OpenPage, shapes_zip: Path, tmp_path: Path
) -> None:
    port = free_port()
    process = start_server(tmp_path, port)
    try:
        page = open_page(url=f"http://127.0.0.1:{port}/?step=data")
        upload(page, shapes_zip)
        page.get_by_role("button", name="Next: train").click()
        start(page, "5", "Survivor")
        wait_for_more(page, curve(page))
        process.kill()
        process.wait(timeout=20)
        process = start_server(tmp_path, port)
        expect(page.get_by_text("Survivor was cut short")).to_be_visible(timeout=LONG)
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("Survivor is learning")).to_be_visible(timeout=LONG)
    finally:
        process.kill()
        process.wait(timeout=20)


def selected(page: Page) -> Locator:
    return page.locator(".steps [role=tab][aria-selected=true]").first


def test_back_and_forward_move_between_steps(open_page: OpenPage, server: Server) -> None:
    page = open_page(f"{server.url}/?step=try")
    expect(selected(page)).to_have_text("5 Try")
    step(page, 1)
    step(page, 2)
    expect(page).to_have_url(re.compile("step=train"))
    page.go_back()
    expect(selected(page)).to_have_text("1 Data")
    page.go_back()
    expect(selected(page)).to_have_text("5 Try")
    page.go_forward()
    expect(selected(page)).to_have_text("1 Data")
    expect(page).to_have_url(re.compile("step=data"))
    page.reload()
    expect(selected(page)).to_have_text("1 Data")


def test_the_browser_says_which_language_is_spoken_first(browser: Browser, server: Server) -> None:
    for locale, spoken in (("zh-CN", "zh"), ("de-DE", "en")):
        context = browser.new_context(locale=locale)
        page = context.new_page()
        page.goto(server.url)
        expect(page.locator("html")).to_have_attribute("data-spoken", spoken)
        context.close()
