"""The UI's CSV export: cells in Python repr, several lines long, in columns that have shifted.

Plain columns are taken by name and only where the cell is plausible; the ICAP cell is found by its
content, nearest to its column. Nothing is evaluated: a cell is rewritten as JSON, or read with
`ast.literal_eval`, or as far as possible.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import cache

from msgspec import Struct

from icapdiag.avi.vocabulary import WAF_REJECTED
from icapdiag.logs.damage.recovery import salvage_object
from icapdiag.logs.damage.tokens import STRICT, SURROGATE, sanitise

CELL_LIMIT = 16 << 20  # characters
_LITERAL_LIMIT = 256 << 10  # characters; literal_eval takes hundreds of bytes of memory for each
_NESTING = 90  # levels; the compiler behind literal_eval has no patience with more
_SHIFT = 10  # columns that rows of one export differ by, between versions of the Controller
_ICAP = "icap_log"
NUMBERS = ("response_code", "request_length")
_TRUTH = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}
TEXTS = (
    *("significance", "virtualservice", "vs_name", "service_engine", "request_id", "report_timestamp"),
    *("client_ip", "client_ip6", "method", "uri_path", "host", "request_content_type", "user_id"),
    *("http_security_policy_rule_name", "http_request_policy_rule_name"),
)
# A client writes what it likes into these, even a dictionary with an action.
_FOREIGN = {
    *("user_agent", "referer", "uri_path", "uri_query", "rewritten_uri_path", "rewritten_uri_query", "redirected_uri"),
    *("xff", "host", "sni_hostname", "user_id", "all_request_headers", "request_content_type", "etag"),
}
PLAUSIBLE = {
    "report_timestamp": re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d{9,19}(?:\.\d+)?$"),
    "virtualservice": re.compile(r"virtualservice-|https?://|/api/"),
    "service_engine": re.compile(r"[\w.:-]+$"),
    "client_ip": re.compile(r"-?[0-9.]+$"),
    "client_ip6": re.compile(r"[0-9A-Fa-f.:]+$"),
    "method": re.compile(r"[A-Za-z-]{1,40}$"),
    "uri_path": re.compile(r"/"),
    "request_content_type": re.compile(r"[\w.+-]+/"),
}
_NUMBER = re.compile(r"-?\d{1,18}$", re.ASCII)
_BRACKET = re.compile(r"[()\[\]{}]")
_ACTION = re.compile(r"""["']action["']\s*:\s*["']ICAP_[A-Z]+["']""")


class CsvRow(Struct, frozen=True):
    """One row as an entry's object, and what was corrected; ``reason``: why it could not be read."""

    value: dict[str, object] | None
    reason: str = ""
    repairs: tuple[str, ...] = ()


_SINGLE = CsvRow(None, "a row with a single cell")
_NO_FIELDS = CsvRow(None, "a row without log entry fields")


class Columns:
    """The columns of the fields, by the header row."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        clean = [name.strip().lstrip("\ufeff") for name in names]
        self._index = {name: at for at, name in reversed(list(enumerate(clean)))}
        texts = [(at, name, PLAUSIBLE.get(name)) for name in TEXTS if (at := self._index.get(name)) is not None]
        self._texts = sorted(texts, key=lambda text: text[0])
        self._foreign = {at for at, name in enumerate(clean) if name in _FOREIGN}

    def index_of(self, name: str) -> int | None:
        """The column of a field; None without one."""
        return self._index.get(name)

    def row(self, cells: Sequence[str]) -> CsvRow:
        if len(cells) < 2:
            return _SINGLE
        value = self._plain_fields(cells)
        repairs: list[str] = []
        if len(cells) < len(self.names) - _SHIFT:
            repairs.append(f"a row with {len(cells)} of {len(self.names)} cells was read")
        at = self._icap_cell(cells)
        if at is not None:
            value[_ICAP], damage = cell_value(cells[at])
            repairs += [damage] if damage else []
        return CsvRow(value, repairs=tuple(repairs)) if value else _NO_FIELDS

    def _plain_fields(self, cells: Sequence[str]) -> dict[str, object]:
        value: dict[str, object] = {}
        count = len(cells)
        for at, name, plausible in self._texts:
            if at >= count:
                break
            text = cells[at].strip()
            if text and (plausible is None or plausible.match(text)):
                value[name] = text
        for name in NUMBERS:
            if (text := self._cell(cells, name)) and _NUMBER.match(text):
                value[name] = int(text)
        if (text := self._cell(cells, "adf")) in _TRUTH:
            value["adf"] = _TRUTH[text]
        if (text := self._cell(cells, "significant_log")).startswith("["):
            value["significant_log"] = cell_value(text)[0]
        if WAF_REJECTED in (text := self._cell(cells, "waf_log")):
            value["waf_log"] = cell_value(text)[0]
        return value

    def _cell(self, cells: Sequence[str], name: str) -> str:
        at = self._index.get(name)
        return cells[at].strip() if at is not None and at < len(cells) else ""

    def _icap_cell(self, cells: Sequence[str]) -> int | None:
        """The cell with an icap_log: the one in its column, otherwise the nearest that looks like one."""
        for at in self._nearest(len(cells)):
            cell = cells[at]
            if cell[:1] == "{" and "ICAP_" in cell and _ACTION.search(cell):
                return at
        expected = self._index.get(_ICAP)
        return expected if expected is not None and cells[expected : expected + 1] == ["{}"] else None

    @cache  # noqa: B019 - as long as the file is read, and for a few lengths of rows
    def _nearest(self, count: int) -> tuple[int, ...]:
        """The columns of a row that may contain an icap_log, from its own column outwards."""
        expected = self._index.get(_ICAP, count - 1)
        return tuple(sorted(set(range(count)) - self._foreign, key=lambda at: abs(at - expected)))


def cell_value(cell: str) -> tuple[object, str]:
    """The value of a cell in JSON or Python's repr, and what was corrected; None if it is neither."""
    for text in (cell, _as_json(cell)):
        if text is not None:
            try:
                return _clean(STRICT.decode(text), cell), ""
            except (ValueError, RecursionError):
                pass
    if len(cell) <= _LITERAL_LIMIT and _depth(cell) <= _NESTING:
        try:
            tree = ast.parse(cell.strip(), mode="eval")
            if not any(isinstance(node, ast.Dict) and _has_twice(node) for node in ast.walk(tree)):
                return _clean(ast.literal_eval(tree), cell), ""
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            pass
    start = cell.find("{")
    salvaged = salvage_object(cell, start) if start >= 0 else None
    if salvaged is None:
        return None, "a cell that can't be read was left out"
    return salvaged.value, "a damaged cell was read as far as it goes"


def _has_twice(node: ast.Dict) -> bool:
    """Whether a key appears twice (Python keeps only the last value)."""
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    return len(set(keys)) < len(keys)


def _clean(value: object, cell: str) -> object:
    if isinstance(value, dict) and SURROGATE.search(cell):
        sanitise(value)
    return value


def _depth(cell: str) -> int:
    """The depth of nested brackets, including those inside strings."""
    depth = deepest = 0
    for found in _BRACKET.finditer(cell):
        depth += 1 if found[0] in "([{" else -1
        deepest = max(deepest, depth)
    return deepest


def _as_json(cell: str) -> str | None:
    r"""The repr as JSON by simple replacement; None if that is not safe.

    An escaped quote or ``\x``/``\U`` means something else in Python; an apostrophe makes the result
    invalid JSON, and so is noticed.
    """
    if "\\'" in cell or "\\x" in cell or "\\U" in cell or cell.count("'") % 2:
        return None
    text = cell.replace('"', '\\"')
    for word, value in (("True", "true"), ("False", "false"), ("None", "null")):
        text = text.replace(f"': {word}", f"': {value}")
    return text.replace("'", '"')
