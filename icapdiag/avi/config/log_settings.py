"""What a virtual service and its analytics profile keep of requests: which logs, for how long, how many a second."""

from __future__ import annotations

from typing import Any

from icapdiag.avi.config.objects import AviObject, elements, section, texts
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.avi.config.values import Part, Values
from icapdiag.facts.config import AnalyticsSheet
from icapdiag.yamltree import MapNode

_POLICY, _FULL = "analytics_policy", "full_client_logs"
_CODES = (403, 413, 500)  # blocked, larger than buffer_size, failed: what fail-closed profiles and scanners lead to
_SELECTED = "LOG_STREAMING_FORMAT_JSON_SELECTED"
_ICAP = "icap_log"  # streamed whole or not: only fields of the first level can be chosen


def log_facts(values: Values, found: AviObject, *, rules_log: bool) -> dict[str, Any]:
    """The facts of a virtual service's analytics policy. Without one Avi keeps significant logs only.

    ``rules_log``: some of its ICAP rules log their requests, whatever is set here.
    """
    policy = section(found.node, _POLICY)
    part = Part("AnalyticsPolicy", policy or found.node, _POLICY)
    throttles = ("significant_log_throttle", "udf_log_throttle")
    facts: dict[str, Any] = {throttle: values.read(throttle, int, part=part) for throttle in throttles}
    filters = elements(policy, "client_log_filters") if policy is not None else []
    facts["user_defined_logs"] = rules_log or any(as_flag(each.text("enabled")) for each in filters)
    full = section(policy, _FULL) if policy is not None else None
    where = f"{_POLICY}.{_FULL}"
    if full is None:
        values.note(_FULL, f"{where}.enabled", policy or found.node, "false", is_default=True)
        return {**facts, _FULL: False, "full_log_duration": None, "full_log_throttle": None}
    inner = Part("FullClientLogs", full, where)
    return {
        **facts,
        _FULL: values.read("enabled", bool, fact=_FULL, part=inner),
        "full_log_duration": values.read("duration", int, fact="full_log_duration", part=inner),
        "full_log_throttle": values.read("throttle", int, fact="full_log_throttle", part=inner),
    }


def _excluded(profile: MapNode) -> tuple[tuple[str, ...], str]:
    """The codes of clients' answers that ICAP leads to and that count as no error, and the field that says so first."""
    listed = {as_integer(text) for text in texts(profile, "exclude_http_error_codes")}
    blocks = {*texts(profile, "resp_code_block")}
    ranges = [(as_integer(each.text("begin")), as_integer(each.text("end"))) for each in elements(profile, "ranges")]
    within = {
        code for low, high in ranges if low is not None and high is not None for code in _CODES if low <= code <= high
    }
    found = {
        "exclude_http_error_codes": {code for code in _CODES if code in listed},
        "ranges": within,
        "resp_code_block": {code for code in _CODES if f"AP_HTTP_RSP_{code // 100}XX" in blocks},
    }
    first = next((field for field, codes in found.items() if codes), "exclude_http_error_codes")
    return tuple(str(code) for code in _CODES if any(code in codes for codes in found.values())), first


def analytics_sheet(found: AviObject) -> AnalyticsSheet:
    """The facts of an analytics profile."""
    values = Values(found)
    config = section(found.node, "client_log_config")
    collected = config.get("enable_significant_log_collection") if config is not None else None
    text = config.text("enable_significant_log_collection") if config is not None else ""
    if collected is not None:
        values.note("significant_logs", "client_log_config.enable_significant_log_collection", collected, text)
    excluded, at = _excluded(found.node)
    values.note("codes_not_significant", at, found.node.get(at) or found.node, ", ".join(excluded))
    streaming = section(found.node, "client_log_streaming_config")
    chosen = section(streaming, "format_config") if streaming is not None else None
    left_out = None
    if chosen is not None and chosen.text("format") == _SELECTED:
        fields = texts(chosen, "included_fields")
        left_out = _ICAP not in fields
        values.note(
            "streamed_without_icap",
            "client_log_streaming_config.format_config.included_fields",
            chosen.get("included_fields") or chosen,
            ", ".join(fields),
        )
    return values.sheet(
        AnalyticsSheet,
        "analyticsprofile",
        found.name,
        significant_logs=as_flag(text) if text else None,
        codes_not_significant=excluded or None,
        streamed_without_icap=left_out,
    )
