"""What others wrote never becomes markup: thousands of payloads in every text of a report, in a real Chromium.

The page's own policy, which would stop scripts and requests, is taken out first: escaping must do alone.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.report.formats import render
from icapdiag.text import visible
from tests.examples import PROFILE
from tests.interop.chromium import Browser
from tests.interop.xss import planted
from tests.interop.xss_payloads import payloads
from tests.report.html.allowed import ATTRIBUTES, ELEMENTS

ENOUGH = 6600  # as many as the largest public collection that we know of
_BATCH = 120
_POLICY = '<meta http-equiv="Content-Security-Policy"'

_FOREIGN = """((elements, attributes) => {
  const wrong = new Set();
  for (const element of document.querySelectorAll("*")) {
    if (!elements.includes(element.localName)) wrong.add(`<${element.localName}>`);
    for (const {name, value} of element.attributes)
      if (!attributes.includes(name)) wrong.add(`<${element.localName} ${name}>`);
      else if (name === "href" && !/^#[a-z0-9-]+$/.test(value)) wrong.add(`${name}=${value}`);
  }
  return [[...wrong].sort(), "__xss" in window, document.body.textContent];
})(%s, %s)"""


def visit(browser: Browser, file: Path, document: str) -> tuple[list[str], bool, str, list[str]]:
    """What is on the page that we did not write, whether script ran, its text, and all that it did."""
    file.write_text(document, "utf-8")
    with browser.page(file, painted=False) as page:
        script = _FOREIGN % (json.dumps(sorted(ELEMENTS)), json.dumps(sorted(ATTRIBUTES)))
        foreign, ran, text = page.evaluate(script)
        return foreign, ran, text, page.requests + page.console + page.dialogs


def without_policy(document: str) -> str:
    start = document.index(_POLICY)
    return document[:start] + document[document.index("\n", start) + 1 :]


def without_layout(document: str) -> str:
    """Scripts, images and events run as before; Chromium has no boxes to place, which takes it most of the time."""
    start, end = document.index("<style>"), document.index("</style>")
    return f"{document[:start]}<style>:root {{ display: none }}{document[end:]}"


def test_no_payload_runs_script_or_becomes_markup(browser: Browser, tmp_path: Path) -> None:
    texts = payloads()
    assert len(texts) >= ENOUGH
    if PROFILE != "ci":
        texts = texts[::3]  # they are variations of few forms
    for number, at in enumerate(range(0, len(texts), _BATCH)):
        batch = texts[at : at + _BATCH]
        document = without_policy(render(planted(batch, number), "html"))
        if number > 2:
            document = without_layout(document)
        foreign, ran, shown, did = visit(browser, tmp_path / "page.html", document)
        assert ([], False, []) == (foreign, ran, did), batch
        assert [] == [payload for payload in batch if visible(payload, 100)[:99] not in shown]


def test_with_its_policy_the_page_has_nothing_to_refuse(browser: Browser, tmp_path: Path) -> None:
    document = render(planted(payloads()[:_BATCH], 0), "html")
    foreign, ran, _, did = visit(browser, tmp_path / "page.html", document)
    assert ([], False, []) == (foreign, ran, did)


@pytest.mark.parametrize(
    ("payload", "foreign"),
    [
        ("<script>window.__xss=1</script>", ["<script>"]),
        ("<img src=x onerror=window.__xss=1>", ["<img onerror>", "<img src>", "<img>"]),
        ("<svg onload=window.__xss=1>", ["<svg onload>"]),
    ],
)
def test_markup_that_got_through_would_be_seen(
    browser: Browser, tmp_path: Path, payload: str, foreign: list[str]
) -> None:
    document = render(planted(payloads()[:3], 0), "html")
    leaky = document.replace("<main>", f"<main>{payload}")
    found, ran, _, _ = visit(browser, tmp_path / "page.html", without_policy(leaky))
    assert (foreign, True) == (found, ran)
    found, ran, _, did = visit(browser, tmp_path / "page.html", leaky)
    assert (foreign, False) == (found, ran)  # the policy is the second line of defence
    assert did
