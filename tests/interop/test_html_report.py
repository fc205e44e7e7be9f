"""The HTML report in a real Chromium: looks, does nothing but being read, and can be read by everybody."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from icapdiag.report.formats import render
from tests.interop import axe
from tests.interop.chromium import Browser, Page
from tests.interop.clients import ICAPDIAG
from tests.interop.conftest import Pool
from tests.report.html.made import large_report, log_report, pool_report

NAMES = ("lab", "five c-icap", "pool", "log")
WINDOWS = {360: 740, 1280: 800, 3840: 2160}

# Boxes of text that lie over each other, reach out of the window, or are cut by their own box.
_MISPLACED = """(() => {
  const boxes = [], wrong = [], width = document.documentElement.clientWidth;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const holder = node.parentElement;
    if (!node.data.trim() || holder.closest(".unseen, title, desc, thead") || !holder.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      if (box.left < -1 || box.right > width + 1) wrong.push("out of the window: " + node.data.slice(0, 80));
      boxes.push([box.left, box.top, box.right, box.bottom, node]);
    }
  }
  boxes.sort((a, b) => a[1] - b[1]);
  boxes.forEach(([left, top, right, bottom, node], index) => {
    for (let next = index + 1; next < boxes.length && boxes[next][1] < bottom - 5; next++) {
      const [l, t, r, b, other] = boxes[next];
      if (other !== node && Math.min(right, r) - Math.max(left, l) > 3 && Math.min(bottom, b) - Math.max(top, t) > 5)
        wrong.push("over each other: " + node.data.slice(0, 60) + " | " + other.data.slice(0, 60));
    }
  });
  for (const element of document.querySelectorAll("main *, header *"))
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1 && !element.closest("svg, .scroll")
        && getComputedStyle(element).overflowX !== "visible")
      wrong.push("cut: " + element.textContent.slice(0, 80));
  if (document.documentElement.scrollWidth > width) wrong.push("the page is wider than the window");
  return wrong.slice(0, 10);
})()"""
_OPEN = "document.querySelectorAll('details').forEach(fold => { fold.open = true })"
_FIRST_SEEN = """(() => {
  const title = document.querySelector(".worst h2"), box = title.getBoundingClientRect();
  const sizes = [...document.querySelectorAll("h1, h2, h3, p")].map(e => parseFloat(getComputedStyle(e).fontSize));
  return [box.bottom < innerHeight, parseFloat(getComputedStyle(title).fontSize) >= Math.max(...sizes)];
})()"""


@pytest.fixture(scope="module")
def pages(cicap_pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of the lab and of five real servers, and two built by hand that have everything."""
    folder = tmp_path_factory.mktemp("pages")
    pool = folder / "pool.yaml"
    members = "".join(f"  - {{host: 127.0.0.{number}, port: {cicap_pool.port}}}\n" for number in range(1, 6))
    pool.write_text(f"pool: five\nprofile: {{service_uri: /avscan}}\nmembers:\n{members}")
    found = {name: folder / f"{name}.html" for name in NAMES}
    for name, arguments in (
        ("lab", ["--lab", "--timeout", "1"]),
        ("five c-icap", ["--eicar", "--count", "3", str(pool)]),
    ):
        argv = [*ICAPDIAG, "check", *arguments, "-o", f"html={found[name]}"]
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=False)
    found["pool"].write_text(render(pool_report(), "html"), "utf-8")
    found["log"].write_text(render(log_report(), "html"), "utf-8")
    return found


def quiet(page: Page) -> dict[str, list[str]]:
    """What a page must not do."""
    return {"requests": page.requests, "console": page.console, "dialogs": page.dialogs}


QUIET: dict[str, list[str]] = {"requests": [], "console": [], "dialogs": []}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", WINDOWS)
def test_page_is_whole_at_every_width_and_does_nothing(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    with browser.page(pages[name], width=width, height=WINDOWS[width]) as page:
        assert [True, True] == page.evaluate(_FIRST_SEEN)
        assert [] == page.evaluate(_MISPLACED)
        page.evaluate(_OPEN)
        assert [] == page.evaluate(_MISPLACED)
        assert QUIET == quiet(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", NAMES[1:])  # the lab's page has nothing that these have not, and takes axe-core 15 s
def test_axe_finds_nothing(browser: Browser, pages: dict[str, Path], name: str, dark: bool) -> None:
    source = axe.script()
    for width in (360, 1280):
        with browser.page(pages[name], width=width, dark=dark) as page:
            page.evaluate(_OPEN)
            assert [] == axe.violations(page, source)


def test_axe_would_find_something(browser: Browser, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<!DOCTYPE html><title>t</title><p style='color:#aaa;background:#fff'>grey</p><img src=''>")
    with browser.page(bad) as page:
        found = {rule for rule, *_ in axe.violations(page, axe.script())}
    assert {"color-contrast", "html-has-lang", "image-alt"} <= found


def test_dark_and_light_differ(browser: Browser, pages: dict[str, Path]) -> None:
    colours = []
    for dark in (False, True):
        with browser.page(pages["pool"], dark=dark) as page:
            colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert ["rgb(244, 246, 248)", "rgb(14, 19, 25)"] == colours


def test_page_reads_without_scripts(browser: Browser, pages: dict[str, Path]) -> None:
    with browser.page(pages["pool"], scripts=False) as page:
        assert len(page.picture()) > 20_000
        assert QUIET == quiet(page)


def test_paper_shows_what_is_folded(browser: Browser, pages: dict[str, Path]) -> None:
    with browser.page(pages["pool"]) as page:
        browser.call("Emulation.setEmulatedMedia", session=page.session, media="print")
        steps = "[...document.querySelectorAll('.finding:not([open]) .steps')].map(list => list.checkVisibility())"
        assert [True] == page.evaluate(steps)
        folded = (
            "[...document.querySelectorAll('.body > .all:not([open]) > .seen')].map(list => list.checkVisibility())"
        )
        assert [True] == page.evaluate(folded)


@pytest.mark.realtime
def test_a_thousand_members_open_at_once(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "large.html"
    file.write_text(render(large_report(), "html"), "utf-8")
    assert file.stat().st_size < 5_000_000
    with browser.page(file) as page:
        assert page.load_ms < 2000
        assert QUIET == quiet(page)
        rows: Any = page.evaluate("document.querySelectorAll('.matrix tbody tr').length")
    assert 1000 == rows
