"""The pool's port belongs to a program that is not an ICAP server. (clamd shares c-icap's signature.)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop import other_programs
from tests.interop.clients import check
from tests.interop.diagnosed import Diagnosis
from tests.interop.programs import Programs

WEB = Diagnosis(
    "not-icap", "web-port", "likely", "^On Avi: .*default_server_port", never=r"clamd|SSL profile|command line"
)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        pytest.param(other_programs.nginx, WEB, id="nginx"),
        pytest.param(other_programs.nginx_by_tls, WEB, id="nginx by TLS"),
        pytest.param(other_programs.squid, WEB, id="Squid as a proxy"),
        pytest.param(other_programs.tinyproxy, WEB, id="tinyproxy"),
        pytest.param(
            other_programs.clamd,
            Diagnosis("not-icap", "clamd", "proven", "c-icap in front of clamd", never="balancer|SSL profile"),
            id="clamd",
        ),
        pytest.param(
            other_programs.echo,
            Diagnosis("not-icap", "other-machine", "proven", "^On Avi: .*port", never="clamd|balancer|SSL profile"),
            id="what sends back what it gets",
        ),
    ],
)
def test_what_is_there_is_named(
    programs: Programs, known_eicar: None, start: Callable[[Programs], str], expected: Diagnosis
) -> None:
    expected.holds(check(start(programs)))
