"""Which product answers, by its headers."""

from __future__ import annotations

import pytest

from icapdiag.icap.message import Headers
from icapdiag.icap.product import product_of


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Service", "C-ICAP/0.5.10 server - Echo demo service"), ("Server", "C-ICAP/0.5.10")], "c-icap"),
        ([("Service", "C-ICAP/0.5.10 server - SquidClamav/Antivirus service")], "squidclamav"),
        ([("ISTag", '"CI0001-1B2M2Y8AsgTpgAmY7PhCfg"')], "c-icap"),
        ([("Service", "Kaspersky Scan Engine")], "kaspersky"),
        ([("Server", "KL ICAP Service v1.0 (KAV SDK v8.9.2.595)")], "kaspersky"),
        ([("Server", "MetaDefender ICAP Server")], "metadefender"),
        ([("Service", "Symantec Protection Engine/9.0.1.5")], "symantec-engine"),
        ([("Server", "ICAP-Server-Software/1.0")], "unknown"),
        ([("X-ICAPeg-Shadow-Service", "true")], "icapeg"),
        ([("ISTag", '"x"')], None),
        ([], None),
    ],
)
def test_a_product_is_known_by_what_it_calls_itself(headers: list[tuple[str, str]], expected: str | None) -> None:
    assert expected == product_of(Headers.of(headers))
