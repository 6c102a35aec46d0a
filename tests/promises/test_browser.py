"""Test the page in a real browser: it makes no request, logs no error, and all interactions work."""

import shutil

import pytest

from tests.report.test_figures import FACES, PEOPLE, draw
from tests.report.test_page import settings, write
from tests.simulated import GROUPS, HOSTILE, PORTRAITS, SEEDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(simulated, tmp_path_factory):
    results = shutil.copytree(simulated, tmp_path_factory.mktemp("study") / "results")
    draw(results, "people", ["answer", "forest", "activities", "dino-map"], **PEOPLE)
    draw(results, "faces", ["attribute_errors"], **FACES)
    write(results, settings())
    return results / "report.html"


@pytest.fixture
def visit(browser, file):
    """Open the page, and check at the end that it made no request, logged nothing and ran no hostile text."""
    opened = []

    def go(**options):
        page = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options}).new_page()
        noise = []
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("data:", "file:")) or noise.append(request.url))
        page.on("dialog", lambda dialog: noise.append(dialog.message))
        page.goto(file.as_uri())
        opened.append((page, noise))
        return page

    yield go
    for page, noise in opened:
        hacked = page.evaluate("window.hacked")
        page.context.close()
        assert noise == [] and hacked is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_loads_in_both_themes_and_the_button_switches(visit, scheme):
    page = visit(color_scheme=scheme)
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    assert (before == "rgb(21, 23, 26)") == (scheme == "dark")
    page.click("#theme")
    assert page.evaluate(paper) != before


def test_first_screen_has_the_answer_the_pictures_and_the_plot(visit):
    page = visit()
    height = page.viewport_size["height"]
    for selector in ("h1", ".answer", ".quads img", ".hero .plot svg"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + min(box["height"], 200) < height, selector
    assert page.locator(".quads img").first.evaluate("image => image.naturalWidth") > 0


def test_hostile_activities_are_readable(visit):
    page = visit()
    for text in HOSTILE:
        assert page.locator("#people-activities td", has_text=text).count()


def test_tables_sort_and_search(visit):
    page = visit()
    table = page.locator("#people-activities [data-search]")
    head = table.locator("th", has_text="DINO").first
    column = head.evaluate("cell => cell.cellIndex")

    def values():
        script = "(table, c) => [...table.querySelectorAll('tbody tr')].map(r => parseFloat(r.cells[c].dataset.v))"
        return table.evaluate(script, column)

    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending" and values() == sorted(values(), reverse=True)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending" and values() == sorted(values())
    table.locator("input").fill("number 7")
    assert table.locator("tbody tr:visible").count() == 1
    table.locator("input").fill("<script>")
    assert table.locator("tbody tr:visible").count() == 1


def test_explorer_filters_hovers_and_opens_the_quadruplet(visit):
    page = visit()
    explorer = page.locator("#explore")
    explorer.scroll_into_view_if_needed()
    count = explorer.locator(".panel .count")
    total = int(count.inner_text().split()[0])
    explorer.get_by_role("button", name="young", exact=True).click()
    fewer = int(count.inner_text().split()[0])
    assert 0 < fewer < total
    assert explorer.get_by_role("button", name="young", exact=True).get_attribute("aria-pressed") == "false"
    canvas = explorer.locator("canvas")
    canvas.focus()
    canvas.press("ArrowRight")
    tip = explorer.locator(".tip")
    assert tip.is_visible() and "seed" in tip.inner_text() and tip.locator(".thumb").is_visible()
    assert "young" not in tip.locator("dd").first.inner_text()
    canvas.press("Enter")
    dialog = page.locator("#detail")
    assert dialog.is_visible() and dialog.locator(".quad .thumb").count() >= 7
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    explorer.get_by_label("Space").select_option("clip_text")
    assert "prompts" in count.inner_text()
    explorer.get_by_label("Dataset").select_option("1")
    assert f"{PORTRAITS} of {PORTRAITS} images" in count.inner_text()


def test_the_mouse_finds_a_point(visit):
    page = visit()
    canvas = page.locator("#explore canvas")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    canvas.press("ArrowRight")
    tip = page.locator("#explore .tip")
    shown = tip.inner_text()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    # The keyboard selected the point nearest to the middle, so the mouse must find it around there.
    for dx in range(-60, 61, 6):
        for dy in range(-60, 61, 6):
            page.mouse.move(box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy)
            if tip.is_visible() and tip.inner_text() == shown:
                return
    pytest.fail("the mouse did not find the point that the keyboard selected")


def test_quadruplets_step_through_activities(visit):
    page = visit()
    browse = page.locator("#browse")
    first = browse.locator("select").first.input_value()
    assert browse.locator(".quad tbody tr").count() == SEEDS
    assert browse.locator(".quad thead th").all_inner_texts()[1:5] == ["neutral", *GROUPS]
    browse.get_by_label("Next activity").click()
    assert browse.locator("select").first.input_value() != first
    values = browse.locator(".quad .value")
    before = values.all_inner_texts()
    browse.get_by_label("Similarity measure").select_option(label="ResNet-50")
    after = values.all_inner_texts()
    assert len(after) == SEEDS * 8 and after != before  # neutral, groups, a placebo and three ages
    # The neutral image is never compared with itself.
    assert after[0] == "" and float(after[1]) > 0.5


def test_a_phone_needs_no_sideways_scrolling(visit):
    page = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    canvas = page.locator("#explore canvas")
    canvas.scroll_into_view_if_needed()
    assert canvas.bounding_box()["width"] > 280


def test_no_printed_table_is_cut_off(visit):
    """The width is that of A4 within the page's margins."""
    page = visit(viewport={"width": 673, "height": 1000})
    page.emulate_media(media="print")
    wide = """() => [...document.querySelectorAll("table")].filter(table => table.offsetParent)
        .map(table => table.getBoundingClientRect().right).filter(right => right > innerWidth + 1)"""
    assert page.evaluate(wide) == []


def test_print_shows_the_findings_and_drops_the_controls(visit, tmp_path):
    page = visit()
    page.emulate_media(media="print")
    assert not page.locator(".bar").is_visible() and not page.locator("#explorer").is_visible()
    assert page.locator(".quads img").first.is_visible() and page.locator(".hero svg").is_visible()
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").stat().st_size > 50_000
