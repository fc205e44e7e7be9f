"""What a virtual service and its analytics profile keep of requests: which logs, for how long, how many a second."""

from __future__ import annotations

from typing import Any

from icapdiag.avi.config.objects import AviObject, section, texts
from icapdiag.avi.config.schema import as_flag
from icapdiag.avi.config.values import Part, Values
from icapdiag.facts.config import AnalyticsSheet

_POLICY, _FULL = "analytics_policy", "full_client_logs"
_SELECTED = "LOG_STREAMING_FORMAT_JSON_SELECTED"
_ICAP = "icap_log"  # streamed whole or not: only fields of the first level can be chosen


def log_facts(values: Values, found: AviObject) -> dict[str, Any]:
    """The facts of a virtual service's analytics policy. Without one Avi keeps significant logs only."""
    policy = section(found.node, _POLICY)
    part = Part("AnalyticsPolicy", policy or found.node, _POLICY)
    facts: dict[str, Any] = {"significant_log_throttle": values.read("significant_log_throttle", int, part=part)}
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


def analytics_sheet(found: AviObject) -> AnalyticsSheet:
    """The facts of an analytics profile."""
    values = Values(found)
    config = section(found.node, "client_log_config")
    collected = config.get("enable_significant_log_collection") if config is not None else None
    text = config.text("enable_significant_log_collection") if config is not None else ""
    if collected is not None:
        values.note("significant_logs", "client_log_config.enable_significant_log_collection", collected, text)
    streaming = section(found.node, "client_log_streaming_config")
    chosen = section(streaming, "format_config") if streaming is not None else None
    left_out = None
    if chosen is not None and chosen.text("format_type") == _SELECTED:
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
        streamed_without_icap=left_out,
    )
