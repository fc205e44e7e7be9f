"""Readers of our formats that we did not write. Each fails for what is not in its format."""

from __future__ import annotations

import csv
import io
import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import junitparser
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from icapdiag.report.machine.nagios import LINE
from icapdiag.report.machine.schema import schema
from icapdiag.report.machine.to_csv import COLUMNS

DATA = Path(__file__).parents[1] / "data"


@cache
def sarif_validator() -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator(json.loads((DATA / "sarif-schema-2.1.0.json").read_text()))


@cache
def report_validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


@cache
def finding_validator() -> jsonschema.Draft202012Validator:
    parts = schema()["$defs"]
    return jsonschema.Draft202012Validator({**parts["Finding"], "$defs": parts})


def read_json(text: str) -> None:
    assert [] == [error.message for error in report_validator().iter_errors(json.loads(text))]


def read_ndjson(text: str) -> None:
    for line in text.splitlines():
        finding_validator().validate(json.loads(line))


def read_sarif(text: str) -> None:
    assert [] == [error.message for error in sarif_validator().iter_errors(json.loads(text))]


def read_junit(text: str) -> junitparser.JUnitXml:
    found = junitparser.JUnitXml.fromstring(text.encode())
    assert isinstance(found, junitparser.JUnitXml)
    return found


def read_csv(text: str) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(COLUMNS)} == {len(row) for row in rows}
    assert [] == [
        cell
        for row in rows
        for cell in row
        if cell.strip()[:1] in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20") and cell.strip()
    ]
    assert [] == [cell for row in rows for cell in row if re.search(r";\s*[=+\-@]", cell)]
    return rows


def read_prometheus(text: str) -> dict[str, list[Any]]:
    families = list(text_string_to_metric_families(text))
    series = [(sample.name, tuple(sample.labels.items())) for family in families for sample in family.samples]
    assert len(set(series)) == len(series)
    return {family.name: family.samples for family in families}


def read_nagios(text: str) -> dict[str, str]:
    """One line with one ``|``, and what pynag reads behind it: label and value with unit, minimum and maximum."""
    assert (1, "\n") == (text.count("\n"), text[-1])
    assert len(text.encode()) <= LINE
    line, separator, data = text.rstrip("\n").partition(" | ")
    assert (" | ", 1) == (separator, text.count("|"))
    assert re.match(r"ICAP (OK|WARNING|CRITICAL|UNKNOWN) - ", line)
    found = import_module("pynag.Utils").PerfData(data)
    assert found.is_valid()
    assert data.count("=") == len(found.metrics) == len({metric.label for metric in found.metrics})
    return {m.label: ";".join([m.value + m.uom, m.min, m.max]).rstrip(";") for m in found.metrics}


def read_markdown(text: str) -> list[Any]:
    """Parsed as GitHub does, with links made of bare addresses: nothing in it is a link, an image or HTML."""
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": True}).parse(text)
    every = [each for token in tokens for each in (token, *(token.children or ()))]
    assert set() == {token.type for token in every} & {"link_open", "image"}
    html = "".join(token.content for token in every if token.type in ("html_block", "html_inline"))
    assert "" == re.sub(r"</?(details|summary)>|Evidence|\s", "", html)
    words = [token.content for token in every if token.type == "text"]
    assert [] == [word for word in words if re.search(r"[@#][\w.-]|(?i:\bgh-)\d|(?i:www|mailto:)\.?\w", word)]
    return tokens


READERS = {
    "json": read_json,
    "ndjson": read_ndjson,
    "sarif": read_sarif,
    "junit": read_junit,
    "csv": read_csv,
    "prometheus": read_prometheus,
    "nagios": read_nagios,
    "markdown": read_markdown,
    "github": read_markdown,
}
