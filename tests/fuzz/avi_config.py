"""A file of an Avi configuration, as lint reads it.

Stated: objects or a `FileError`, whose messages are printable lines of bounded length; what was read is judged, drawn
and written; each place is one of the file.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from icapdiag.api.linting import objects_in
from icapdiag.avi.config.observe import look
from icapdiag.mistakes import MOST_ERRORS, FileError, Located
from icapdiag.report.build import build_lint_report, reading_vantage
from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import read_report
from icapdiag.report.machine.to_json import settled
from icapdiag.runbook import Library, load_runbooks, match
from tests.fuzz.driver import Grammar, Target
from tests.lint.right import Export, allowing, export, put, rules

_DATA = Path(__file__).parents[1] / "data" / "avi-config"
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9]+")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 80, 10**30, "", "80", "true", "x", "icap-pool", "/api/pool/?name=icap-pool", "pool-1", [],
    {},
    [None], [[]], {"x": 1}, {"addr": "192.0.2.1"}, "\x1b[2J", "<script>|`@x", "\u202e", "a" * 3000, "BEGINS_WITH",
    "HTTP_SECURITY_ACTION_ALLOW", "ICAP_VENDOR_LASTLINE", "${avi_pool.x.id}",
)  # fmt: skip

GRAMMAR: Grammar = {
    "start": ("{{sections}}", "{{sections}}", '{"results": [{objects}]}', "[{objects}]", "{ako}",
              "---\n{ako}---\n{ako}"),
    "sections": ("{section}, {sections}", "{section}"),
    "section": (
        '"VirtualService": [{vs}]', '"HTTPPolicySet": [{policy}]', '"IcapProfile": [{profile}]',
        '"PoolGroup": [{group}]', '"Pool": [{pool}]', '"HealthMonitor": [{pair}]', '"avi_pool": {pool}',
        '"resource": {"avi_pool": {"x": {pool}}}', '"resources": [{"type": "avi_pool", "values": {pool}}]',
        '"X": {value}',
    ),
    "objects": ("{vs}, {objects}", "{policy}", "{profile}, {group}", "{pool}", "{value}"),
    "vs": (
        '{"name": "{word}", "icap_request_profile_refs": ["{word}"], "http_policies": [{use}], "enabled": {value}}',
        '{"name": "{word}", "vsvip_ref": {value}, "http_policies": {value}}',
    ),
    "use": ('{"index": {value}, "http_policy_set_ref": "{word}"}',),
    "policy": (
        '{"name": "{word}", "http_security_policy": {"rules": [{rule}, {rule}]}}', '{"http_security_policy": {value}}',
    ),
    "rule": (
        '{"name": "{word}", "index": {value}, "enable": {value}, "match": {match}, "action": {"action": "{action}"}}',
        "{value}",
    ),
    "match": (
        '{"path": {"match_criteria": "{criterion}", "match_str": ["{word}"]}}',
        '{"method": {"match_criteria": "IS_NOT_IN", "methods": ["HTTP_METHOD_POST", {value}]}}', "{value}",
    ),
    "action": ("HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP", "HTTP_SECURITY_ACTION_ALLOW", "{word}"),
    "criterion": ("BEGINS_WITH", "EQUALS", "CONTAINS", "ENDS_WITH", "REGEX_MATCH", "{word}"),
    "profile": ('{"name": "{word}", "pool_group_ref": "{word}", "service_uri": "{word}", "preview_size": {value}}',),
    "group": ('{"name": "{word}", "members": [{"pool_ref": "{word}", "ratio": {value}}], "fail_action": {value}}',),
    "pool": (
        '{"name": "{word}", "default_server_port": {value}, "servers": [{"ip": {"addr": "{word}"}, "port": {value}}]}',
        '{"name": "{word}", "servers": {value}, "health_monitor_refs": ["{word}"]}',
    ),
    "ako": ("apiVersion: a\nkind: HostRule\nmetadata: {name: {word}}\nspec: {virtualhost: {icapProfile: [{word}]}}\n",
            "apiVersion: a\nkind: L7Rule\nspec: {value}\n"),
    "pair": ('{"name": "{word}", "type": {value}}',),
    "word": ("a", "a", "b", "/api/pool/?name=a", "pool-1", "10.0.0.1", "fd00::1", "\\u001b[2J", "/", "x@y", ""),
    "value": ("null", "true", "0", "80", '"80"', '"{word}"', "[{value}]", "{{members}}", "9999999999999999999999"),
    "members": ('"{word}": {value}', '"name": {value}, "ip": {value}'),
}  # fmt: skip


def seeds() -> Sequence[bytes]:
    made: list[Export] = [
        export(),
        export(put("Pool", default_server_port=None), put("IcapProfile", preview_size=9000)),
    ]
    made.append(export(lambda found: rules(found).insert(0, allowing("all", 0))))
    return [*(json.dumps(each).encode() for each in made), *(path.read_bytes() for path in sorted(_DATA.iterdir()))]


def changed(data: bytes, choose: random.Random) -> bytes:
    """The same document with some of its values replaced or taken away."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = json.loads(choose.choice(seeds()[:3]))
    for _ in range(choose.randint(1, 4)):
        places = list(_places(document))
        if not places:
            return data
        holder, key = choose.choice(places)
        if choose.randrange(4):
            other, other_key = choose.choice(places)
            holder[key] = choose.choice((choose.choice(_ODD), json.loads(json.dumps(other[other_key]))))
        else:
            del holder[key]
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)


@cache
def library() -> Library:
    return load_runbooks()


def sound(errors: Sequence[Located]) -> Hashable:
    assert len(errors) <= MOST_ERRORS + 1
    for each in errors:
        assert str(each).isprintable()
        assert len(str(each)) < 2000
    return frozenset(_VALUES.sub("", each.message)[:60] for each in errors[:3])


def check(data: bytes) -> Hashable:
    try:
        objects = objects_in(data, "export.json")
    except FileError as error:
        return sound(error.errors)
    looked = look(objects, ["export.json"])
    lines = data.decode("utf-8-sig").count("\n") + 1
    matched = match(library(), looked.observations)
    for finding in matched.findings:
        for place in finding.places or ():
            assert place.line is None or 1 <= place.line <= lines
    report = build_lint_report(
        subject=looked.subject,
        vantage=reading_vantage(),
        findings=matched.findings,
        problems=matched.problems,
        started_at=_NOW,
        finished_at=_NOW,
    )
    written = settled(report)
    assert written == read_report(render(written, "json").encode("utf-8", "backslashreplace"))
    for form in ("table", "short", "sarif"):
        assert render(written, form).replace("\n", "").isprintable()
    return tuple(each.id for each in matched.findings), len(looked.observations) > 5


TARGET = Target(check, seeds, GRAMMAR, changed)
