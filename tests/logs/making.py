"""Hypothesis strategies for logs: entries in the types that Avi writes, in any layout."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from icapdiag.logs.blocks.summarise import Layout

ACTIONS = ("ICAP_PASSED", "ICAP_MODIFIED", "ICAP_BLOCKED", "ICAP_FAILED", "ICAP_DISABLED", "ICAP_NEW")
HEADERS = (
    'Date: Thu, 19 Nov 2020 13:55:{:02d} GMT\r\nISTag: "{}"\r\nX-Response-Info: Allowed\r\nX-Response-Desc: Fine\r\n',
    "Server: x\r\nDate: {} {}\r\nX-Response-Info: Blocked\r\nX-Response-Desc: Infected\r\nX-Infection-Found: Type=0",
    "X-Response-Desc: No security rule matched\r\nEncapsulated: res-hdr=0, res-body={}{}\r\n",
    "",
)
_text = st.text(max_size=12) | st.sampled_from(
    ['"icap_log":{"a":1}', '},{"adf":true', "]}", "\\", '\\"', "\u2028", "\x7f"]
)
_flag = st.booleans() | st.none()


def headers() -> st.SearchStrategy[str]:
    return st.builds(
        lambda form, a, b: form.format(a, b), st.sampled_from(HEADERS), st.integers(0, 59), st.integers(1, 9)
    )


def requests() -> st.SearchStrategy[dict[str, Any]]:
    number = st.integers(0, 5000)
    return st.fixed_dictionaries(
        {"action": st.sampled_from(ACTIONS)},
        optional={
            "icap_response_code": st.sampled_from([200, 204, 404, 500]),
            "icap_method": st.sampled_from(["ICAP_METHOD_REQMOD", "ICAP_METHOD_RESPMOD"]),
            "http_response_code": st.just(403),
            "pool_name": st.sampled_from(["pool-a", {"val": "pool-b", "crc32": 7}, {"val": "pool-a", "crc32": 8}]),
            "latency": number | number.map(str),
            "icap_headers_received_from_server": headers(),
            "complete_body_sent": _flag,
            "icap_server_port": st.just(1344),
            "vendor": st.sampled_from(["ICAP_VENDOR_OPSWAT", "ICAP_VENDOR_NEW"]),
            "threat_id": st.sampled_from(["EICAR", "Trojan.é", None]),
            "other": _text,
        },
    ).flatmap(_with_address)


def _with_address(request: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An address only beside a port, so that a member has one name."""
    if "icap_server_port" not in request:
        return st.just(request)
    addresses = st.sampled_from(["10.0.0.1", "10.0.0.2"])
    return addresses.map(lambda address: request | {"icap_server_ip": address})


def logs() -> st.SearchStrategy[dict[str, Any] | None]:
    return st.none() | st.fixed_dictionaries(
        {}, optional={"action": st.sampled_from(ACTIONS), "request_logs": st.lists(requests(), max_size=3)}
    )


def entries() -> st.SearchStrategy[dict[str, Any]]:
    times = st.builds(
        "2024-03-{:02d}T{:02d}:{:02d}:30.{:06d}+00:00".format, *(st.integers(1, n) for n in (28, 23, 59, 999))
    )
    return st.fixed_dictionaries(
        {"adf": st.booleans(), "report_timestamp": times},
        optional={
            "icap_log": logs(),
            "response_code": st.sampled_from([0, 200, 403, 404, 413, 500, 503]),
            "request_length": st.integers(0, 10**9),
            "significant_log": st.lists(
                st.sampled_from(["ADF_ICAP_FAILED", "ADF_RESPONSE_CODE_4XX", "icap_log"]), max_size=2
            ),
            "significance": _text,
            "user_agent": _text,
            "nested": st.just([{"adf": True, "icap_log": {"action": "NOT_ME"}}, {"adf": False}]),
            "waf_log": st.recursive(
                _text | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(_text, inner), max_leaves=8
            ),
            "request_id": st.just("id"),
        },
    ).flatmap(_in_any_order)


def _in_any_order(entry: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    orders = st.just(list(entry)) | st.just(sorted(entry)) | st.permutations(list(entry))
    return orders.map(lambda keys: {key: entry[key] for key in keys})


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes, Layout]:
    """Some entries, and their text in some layout."""
    found = draw(st.lists(entries(), max_size=12))
    ascii_only = draw(st.booleans())
    blank = st.sampled_from(["", " ", "\n", "\r\n", "\n    ", "\t"])

    def dumps(value: Any, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, **options)

    form = draw(st.sampled_from(["lines", "array", "pretty", "envelope", "pages", "stream", "pretty stream"]))
    compact = [dumps(entry, separators=draw(st.sampled_from([(",", ":"), (", ", ": ")]))) for entry in found]
    between = draw(blank) + "," + draw(blank)
    match form:
        case "lines":
            ends = [draw(st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\n"])) for _ in compact]
            text = "".join(line + end for line, end in zip(compact, ends, strict=True))
            text = text.rstrip() if draw(st.booleans()) else text
        case "array":
            text = f"{draw(blank)}[{draw(blank)}{between.join(compact)}{draw(blank)}]{draw(blank)}"
        case "pretty":
            text = dumps(found, indent=draw(st.sampled_from([0, 1, 4, "\t"])))
        case "envelope":
            text = f'{{"count": {len(found)}, "results": [{between.join(compact)}], "next": {{"a": [null]}}}}'
        case "pages":
            size = draw(st.integers(1, 5))
            pages = [compact[start : start + size] for start in range(0, len(compact), size)]
            text = draw(blank).join(f'{{"count":{len(page)},"results":[{",".join(page)}]}}' for page in pages)
        case "stream":
            text = draw(blank).join(compact)
        case _:
            text = draw(blank).join(dumps(entry, indent=2) for entry in found)
    return found, text.encode("utf-8", "surrogatepass"), Layout.LINES if form == "lines" else Layout.VALUES
