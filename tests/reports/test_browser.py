"""The page in a real browser: nothing is asked of the network, nothing fails, and what is shown is what was run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from backtester import Account
from backtester.bootstrap import bootstrap
from reports.batch import BatchPage, batch_page
from reports.closeup import close_up_finding, largest
from reports.palette import look
from reports.tables import metrics_table
from reports.write import write_report
from strategies import load_class
from tests.fake_result import fake_comparison, fake_market, fake_result, story
from tests.reports.test_batch import batch
from tests.strategy_market import random_market

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the development tools")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: apt-get install chromium")

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
READY = "#panels[data-ready=yes]"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=CHROMIUM)
        yield one
        one.close()


@pytest.fixture(scope="module")
def written(grid, tmp_path_factory):
    return write_report(grid, tmp_path_factory.mktemp("page") / "run")


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """Return a page with all that a page of two modes may have."""
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    found = bootstrap(strategy, random_market(300, 3), Account(leverage=20), draws=30, check=False)
    return write_report(found.comparison, tmp_path_factory.mktemp("sampled") / "run")


@pytest.fixture
def opened(browser):
    """Return a function that opens a page and, at the end, look whether it complained or asked for anything."""
    said, contexts = [], []

    def open_page(path, *, viewport=WIDE, theme="light", touch=False, busy=False):
        context = browser.new_context(viewport=viewport, color_scheme=theme, has_touch=touch)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda asked: said.append(asked.url) if asked.url[:5] not in ("file:", "data:") else None)
        if busy:  # a browser that never comes to rest
            page.add_init_script("window.requestIdleCallback = () => 0")
        page.goto(path.as_uri())
        if not busy:
            page.wait_for_selector(READY)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def until(page, holds):
    """Wait for something to hold; the page's policy lets no condition be sent into it."""
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come about in ten seconds")


def ink(page):
    """Return the colour of the panels' texts."""
    return page.evaluate("document.getElementById('panels')._fullLayout.font.color")


def view(page):
    """Return the time axis of the panels [ms]."""
    return page.evaluate("document.getElementById('panels')._fullLayout.xaxis.range.map((t) => +new Date(t))")


def shown(page, panel):
    """Return the range of a panel's axis."""
    return page.evaluate(f"document.getElementById('panels')._fullLayout.{panel}.range")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_opens_at_both_widths_and_in_both_themes(opened, written, viewport, theme):
    page = opened(written, viewport=viewport, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert all(page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth > 0)"))
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(244, 246, 248)", "dark": "rgb(13, 16, 19)"}[theme]
    assert ink(page) == {"light": "#1c2126", "dark": "#e8eaed"}[theme]


def test_its_numbers_are_the_results(opened, written, grid):
    page = opened(written)
    for row in metrics_table(grid).rows:
        assert page.locator(f"tr#{row.key} td").all_inner_texts() == list(row.cells)
    ends = page.evaluate(
        "Object.fromEntries(document.getElementById('panels')._fullData.map((t) => [t.name, t.y[t.y.length - 1]]))"
    )
    for mode, run in grid.results.items():
        assert ends[f"equity, {mode}"] == pytest.approx(run.equity[-1], rel=1e-6)
        assert ends[f"funding paid, {mode}"] == pytest.approx(run.totals["funding"], rel=1e-6)


def test_what_is_read_first_does_not_wait_for_the_panels(opened, written, grid):
    page = opened(written, busy=True)
    assert page.locator("#verdict + p").inner_text() == grid.verdict.replace(" %", "\u00a0%")
    page.wait_for_timeout(300)
    assert page.locator("script").count() == 4  # the program that draws is not unpacked
    tall = page.evaluate("document.documentElement.scrollHeight")
    page.locator("#time").scroll_into_view_if_needed()
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.scrollHeight") == tall  # nothing moves under the reader


def test_paper_has_the_panels_though_nobody_scrolled_to_them(opened, written):
    page = opened(written, busy=True)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_selector(READY)


def test_paper_is_narrower_than_the_screen_and_nothing_is_cut_off(opened, written):
    page = opened(written)
    wide = page.locator("#panels .main-svg").first.bounding_box()["width"]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#panels .main-svg").first.bounding_box()["width"] == 640 < wide
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    until(page, lambda: page.locator("#panels .main-svg").first.bounding_box()["width"] == wide)
    page.set_viewport_size({"width": 703, "height": 1000})  # A4 with 12 mm around it
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    over = "[...document.querySelectorAll('.scroll, pre')].filter((each) => each.scrollWidth > each.clientWidth + 1)"
    assert page.evaluate(f"{over}.map((each) => each.getAttribute('aria-label'))") == []


@pytest.mark.parametrize("width", [1280, 1440, 1920])
def test_letters_in_charts_are_legible_and_the_chief_tables_whole(opened, sampled, width):
    page = opened(sampled, viewport={"width": width, "height": 900})
    shrunk = page.evaluate("[...document.images].filter((image) => image.width).map((i) => i.width / i.naturalWidth)")
    assert min(shrunk) > 0.75  # letters of 9 pt are then 9 px tall
    tables = "[...document.querySelectorAll('section:not(details) > .scroll')]"
    assert page.evaluate(f"{tables}.filter((each) => each.scrollWidth > each.clientWidth + 1).length") == 0


def test_a_reader_that_reads_aloud_has_a_name_for_everything(opened, sampled):
    page = opened(sampled)
    for what in ("section", "table", "pre", "[role=region]", "[role=application]"):
        unnamed = "filter((each) => !(each.ariaLabel || each.ariaLabelledByElements)).length"
        assert page.evaluate(f"[...document.querySelectorAll('{what}')].{unnamed}") == 0, what
    twice = "((all) => all.filter((each, k) => all.indexOf(each) !== k))"
    assert page.evaluate(f"{twice}([...document.querySelectorAll('[id]')].map((each) => each.id))") == []
    assert page.evaluate(f"{twice}([...document.links].map((each) => each.textContent))") == []
    assert len(page.locator("#panels").get_attribute("aria-label")) < 80


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_what_is_touched_is_large_enough_for_a_finger(opened, sampled, viewport):
    page = opened(sampled, viewport=viewport)
    for what in ("summary", "button", "select", "figcaption a", ".jump a", "nav a"):
        sizes = f"[...document.querySelectorAll('{what}')].map((each) => each.getBoundingClientRect())"
        shown = page.evaluate(f"{sizes}.filter((box) => box.width).map((box) => Math.min(box.width, box.height))")
        assert min(shown) >= 24, what


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_each_heading_is_one_click_away_and_stays_so(opened, sampled, viewport):
    page = opened(sampled, viewport=viewport)
    links = page.locator("nav a")
    headings = page.locator("nav ~ section h2[id], nav ~ div h2[id]")
    ends = ["Assumptions and substitutions", "Files", "Repeat it"]  # at the foot of the page anyway
    assert [words.partition(":")[0] for words in headings.all_inner_texts()] == [*links.all_inner_texts(), *ends]
    assert links.count() > 5
    bar = "document.querySelector('nav').getBoundingClientRect()"
    for link in links.all():
        link.click()
        top = f"document.querySelector('{link.get_attribute('href')}').getBoundingClientRect().top"
        until(page, lambda top=top: page.evaluate(f"{bar}.bottom < {top} && {top} < {bar}.bottom + 60"))
        assert page.evaluate(f"{bar}.top") == pytest.approx(0, abs=1)


def test_a_close_up_leads_to_its_moment_in_the_panels(opened, written, grid):
    page = opened(written, busy=True)
    shown = largest(grid, 3)[0]
    found = grid.close_ups[shown.mode].of(shown.number)
    link = page.locator("section[aria-labelledby=close-ups] a[data-time]").first
    link.focus()
    page.keyboard.press("Enter")
    until(page, lambda: page.evaluate("document.activeElement.id") == "panels")
    start, end = view(page)
    assert start < found.time / 1e6 < end
    whole = grid.first.market.close_time[-1] - grid.first.market.open_time[0]
    assert end - start == pytest.approx(whole / 1e6 / 30, rel=0.01)
    lost = found.closings.groupby("symbol")["loss"].sum().idxmax()
    assert page.locator("#instrument option:checked").inner_text() == lost
    lines = "document.getElementById('panels')._fullLayout.shapes.filter((each) => each.x0 === each.x1)"
    assert page.evaluate(f"{lines}.map((each) => +new Date(each.x0))") == [found.time // 1_000_000]
    assert page.locator("#time").evaluate("(each) => each.getBoundingClientRect().top") < WIDE["height"]
    page.keyboard.press("Home")
    until(page, lambda: page.evaluate(f"{lines}.length") == 0)


def test_a_theme_that_changes_changes_the_panels(opened, written):
    page = opened(written)
    page.emulate_media(color_scheme="dark")
    until(page, lambda: ink(page) == "#e8eaed")
    lines = "document.getElementById('panels')._fullData.filter((trace) => trace.line)"
    colours = page.evaluate(f"{lines}.map((trace) => trace.line.color)")
    assert look("isolated").dark in colours
    assert look("isolated").colour not in colours


def test_dragging_zooms_all_panels_and_their_axes_follow(opened, written):
    page = opened(written)
    whole, high = view(page), shown(page, "yaxis")
    page.locator("#panels").scroll_into_view_if_needed()
    box = page.locator("#panels .nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    page.mouse.up()
    until(page, lambda: view(page)[0] > whole[0])
    near = view(page)
    assert (near[1] - near[0]) / (whole[1] - whole[0]) == pytest.approx(0.25, abs=0.02)
    assert near[0] - whole[0] == pytest.approx(0.25 * (whole[1] - whole[0]), rel=0.05)
    until(page, lambda: shown(page, "yaxis") != high)
    page.get_by_role("button", name="whole run").click()
    until(page, lambda: view(page) == whole)
    assert shown(page, "yaxis") == high


def test_hovering_names_the_values_of_all_panels(opened, written):
    page = opened(written)
    page.locator("#panels").scroll_into_view_if_needed()
    box = page.locator("#panels .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#panels .hoverlayer .legend")
    said = page.locator("#panels .hoverlayer").text_content()
    assert "UTC" in said
    for name in ("equity, isolated", "drawdown, cross", "margin ratio, cross", "mark", "funding paid, isolated"):
        assert name in said


def test_keys_move_and_zoom_while_the_panels_have_the_focus(opened, written):
    page = opened(written)
    whole = view(page)
    page.locator("#panels").focus()
    page.keyboard.press("+")
    near = view(page)
    assert near[1] - near[0] == pytest.approx((whole[1] - whole[0]) / 2, rel=0.01)
    page.keyboard.press("ArrowRight")
    assert view(page)[0] > near[0]
    page.keyboard.press("Home")
    assert view(page) == whole


def test_another_instrument_is_shown_when_chosen(opened, written, grid):
    page = opened(written)
    for symbol in grid.first.market.symbols[:2]:
        page.locator("#instrument").select_option(symbol)
        texts = page.locator("#panels .annotation-text").all_text_contents()
        assert f"{symbol} [USDT]: mark and liquidation lines" in texts


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_close_ups_open_one_by_one(opened, written, grid, viewport):
    page = opened(written, viewport=viewport)
    section = page.locator("section[aria-labelledby=close-ups]")
    each = section.locator("> details")
    shown = largest(grid, 3)
    assert each.locator("> summary").all_inner_texts() == [close_up_finding(grid, *one) for one in shown]
    assert each.first.locator("img").is_visible()
    assert not each.nth(1).locator("img").is_visible()
    each.nth(1).locator("> summary").click()
    assert each.nth(1).locator("img").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_a_finger_scrolls_the_page_and_the_buttons_zoom(opened, written):
    page = opened(written, viewport=PHONE, touch=True)
    page.get_by_role("button", name="zoom in").click()
    assert view(page)[0] > page.evaluate("JSON.parse(document.getElementById('series').textContent).start")


def test_paper_is_light_and_has_no_controls(opened, written):
    page = opened(written, theme="dark")
    assert page.locator(".controls, nav").filter(visible=True).count() == 2
    page.emulate_media(media="print")
    until(page, lambda: ink(page) == "#1c2126")
    assert not page.locator(".controls, nav").filter(visible=True).count()
    assert page.locator("#panels").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_of_a_batch_opens_too(opened, tmp_path, viewport, theme):
    path = tmp_path / "batch.html"
    path.write_text(batch_page(BatchPage(batch(), "sizes")), encoding="utf-8")
    page = opened(path, viewport=viewport, theme=theme, busy=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert all(page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth > 0)"))
    assert page.locator("#verdict + p").inner_text().startswith("Higher final equity: isolated in ")


def test_names_stay_words(opened, tmp_path):
    evil = '</script><img src=x onerror="alert(1)"><b>bold</b>'
    market = fake_market(12, (evil, "BTCUSDT"), notes=(evil,), source=evil)
    killed = [(2, 0, "fill", 1.0, 100.0, -1.0), (3, 0, "liquidation", -1.0, 90.0, -10.0)]
    runs = {
        mode: fake_result(market, [1e4] * 12, events=killed[: 2 - k], mode=mode, strategy=evil, slot_names=(evil, "x"))
        for k, mode in enumerate(("isolated", "cross"))
    }
    page = opened(write_report(fake_comparison(runs, notes=(evil,), venue=evil), tmp_path / "run"))
    assert page.locator("b").count() == 0
    assert page.locator("img[onerror]").count() == 0
    assert page.locator("h1").inner_text() == f"{evil}: isolated against cross"
    assert evil in page.locator("#instrument option").first.text_content()


@pytest.mark.parametrize(
    ("equity", "liquidations"),
    [([1e4] * 5, 0), ([1e4], 0), ([9e3, 0.0, 0.0], 1), ([], 5_000)],
    ids=["no trade", "one bar", "ruin in bar 2", "5,000 liquidations"],
)
def test_odd_runs_give_a_sensible_page(opened, tmp_path, equity, liquidations):
    if liquidations > 1:
        odd = story(8_000, liquidations)
    else:
        market = fake_market(len(equity))
        lost = [(0, 0, "fill", 1.0, 100.0, 0.0), (1, 0, "liquidation", -1.0, 50.0, -9e3)] * liquidations
        odd = fake_comparison(
            {mode: fake_result(market, np.array(equity), events=lost, mode=mode) for mode in ("isolated", "cross")}
        )
    page = opened(write_report(odd, tmp_path / "run"))
    assert page.locator("tr#final_equity td").all_inner_texts() == list(metrics_table(odd).rows[0].cells)
    assert page.locator("#verdict + p").inner_text() == odd.verdict.replace(" %", "\u00a0%")
    assert all(np.isfinite(np.array([shown(page, axis) for axis in ("yaxis", "yaxis2", "yaxis4")])).ravel())
