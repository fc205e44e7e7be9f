"""A pool file, YAML or JSON, ours or Avi's.

Stated: a pool or a `PoolError`; every message is one printable line of bounded length that names the file; members are
unique and can be printed.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path

from icapdiag.mistakes import MOST_ERRORS
from icapdiag.pool import Pool
from tests.fuzz.driver import Grammar, Target
from tests.pool.naughty import NAUGHTY
from tests.pool.test_pool_fuzz import TEMPLATES, outcome, sound

_DATA = Path(__file__).parents[1] / "data" / "avi-config"
_PAGE = Path(__file__).parents[2] / "docs" / "pool-file.md"
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9]+")

GRAMMAR: Grammar = {
    "start": ("{lines}", "{lines}", "{lines}", "{json}", "---\n{lines}...\n", "%YAML 1.1\n---\n{lines}"),
    "lines": ("{line}\n{lines}", "{line}\n{lines}", "{line}\n"),
    "line": (
        "pool: {word}", "service_uri: {word}", "members: [{members}]", "members:\n  - {member}\n  - {member}",
        "default_port: {number}", "profile: {service_uri: {word}, vendor: {word}, preview_size: {number}}",
        "profile:\n  response_timeout: {number}", "tls: {tls}", "samples: [{word}]", "compare: {word}",
        "{word}: {word}", "suppressions:\n  - {finding: {word}, member: {word}, until: {date}}", "  {line}", "{json}",
        "# {word}",
    ),
    "members": ("{member}", "{member}, {members}", ""),
    "member": (
        "{word}", "{host: {word}, port: {number}}", "{host: {word}, tls: {tls}, enabled: {word}}", "[{word}]:{number}",
        "{json}",
    ),
    "tls": ("true", "{server_name: {word}, ca_file: {word}}", "{verify: {word}}"),
    "json": (
        '{"name": "p", "servers": [{"ip": {"addr": "{word}", "type": "V4"}, "port": {number}}]}',
        '{"Pool": [{json}], "PoolGroup": [{"members": [{"pool_ref": "/api/pool/?name={word}"}]}]}',
        '{"count": {number}, "results": [{json}]}', "[{json}]", '"{word}"', "{number}",
    ),
    "word": (
        "a", "/avscan", "10.0.0.1", "[fd00::1]", "fe80::1%eth0", "icap2.example.com", "true", "~", "&x", "*x",
        "!!str x", "<<", "'it''s'", '"\\ud800"', "a: b", "|\n  x", "clean", "ICAP_VENDOR_OPSWAT", "\u202e", "x@y",
        "//u:p@h", "{number}", "",
    ),
    "number": ("1344", "0", "65536", "-1", "0x10", "1e3", "1_000", ".inf", "00", "9999999999999999999999"),
    "date": ("2027-03-31", "2027-02-31", "tomorrow", "{number}"),
}  # fmt: skip


def seeds() -> Sequence[bytes]:
    yaml = _PAGE.read_text().split("```yaml\n")[1].split("```")[0]
    filled = (template.replace("{}", "\0").format().replace("\0", "a") for template in TEMPLATES)
    naughty = (f"service_uri: /a\nmembers: [{text}]\n" for text in NAUGHTY)
    texts = [text.encode("utf-8", "replace") for text in (yaml, *filled, *naughty)]
    return [*texts, *(path.read_bytes() for path in sorted(_DATA.iterdir()))]


def check(data: bytes) -> Hashable:
    found = outcome(data)
    sound(found)
    if isinstance(found, Pool):
        assert repr(found) == repr(outcome(data))
        return len(found.members), bool(found.suppressions)
    assert len(found.errors) <= MOST_ERRORS + 1
    return frozenset(_VALUES.sub("", error.message)[:60] for error in found.errors[:3])


TARGET = Target(check, seeds, GRAMMAR)
