"""An external health monitor for Avi: a shell script that prints something only if the server scans, and its object.

The requests are those of a check. They are written for no particular server: Avi runs the script with the address and
the port of each one.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from textwrap import wrap

from msgspec import Struct

from icapdiag.icap import dialects
from icapdiag.icap.header_table import HEADERS
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.script.plan import Plan, Step, Target, steps
from icapdiag.script.writing import commented, is_name, plain_address, quoted

_WIDTH = 110  # of a comment
SPARE = 500  # ms of the monitor's receive timeout that are left for starting the script
CHECKS = 2  # successful_checks and failed_checks: Avi's default
# Stands for the server in the requests until the script knows it. No name: the service path is ASCII without spaces.
_PLACE = Target(member="", host="server of the pool", port=1)
_WHERE = b"server of the pool:1"
_NOTHING = f'^["; ]*(({dialects.NO_THREAT.pattern})["; ]*)?$'
_READERS = {
    "named_by": (dialects.read_infection, dialects.read_virus_id, dialects.read_name),
    "present_by": (dialects.read_presence,),
    "refused_by": (dialects.read_block_reason,),
    "rated_by": (dialects.read_fsecure_result,),
    "described_by": (dialects.read_description,),
}


class Monitor(Struct, frozen=True, kw_only=True):
    """What is asked of each server, and how often. ``plan``: the requests (its targets do not matter).

    ``target``: how TLS is spoken, and ``own_address``: a certificate must be for the address of the server.
    ``authorities``: the certificates in PEM that are trusted; "": those of the Service Engine. Times in seconds.
    """

    plan: Plan
    target: Target
    own_address: bool = False
    authorities: str = ""
    options: bool = True
    receive_timeout: int = 4
    send_interval: int = 10

    @property
    def limit(self) -> int:
        """Milliseconds after which the script ends."""
        return self.receive_timeout * 1000 - SPARE

    @property
    def connections(self) -> int:
        """Of one check."""
        return self.options + 1 + 2 * self.plan.eicar


def health_monitor(monitor: Monitor, name: str) -> dict[str, object]:
    """The HealthMonitor object for Avi's API (fields and defaults: HealthMonitor, HealthMonitorExternal of 30.2.1)."""
    asked = "OPTIONS and a harmless upload" if monitor.options else "a harmless upload"
    return {
        "name": name,
        "description": f"ICAP: {asked}{' and EICAR' * monitor.plan.eicar}; written by icapdiag {monitor.plan.version}",
        "type": "HEALTH_MONITOR_EXTERNAL",
        "send_interval": monitor.send_interval,
        "receive_timeout": monitor.receive_timeout,
        "successful_checks": CHECKS,
        "failed_checks": CHECKS,
        "external_monitor": {"command_code": monitor_script(monitor)},
    }


def monitor_script(monitor: Monitor) -> str:
    """The whole script. Raises ValueError as `steps` does."""
    body = files("icapdiag.script").joinpath("monitor.sh").read_text("utf-8")
    lines = [
        "#!/bin/bash",
        *(f"# {commented(line)}".rstrip() for line in _introduction(monitor)),
        "",
        '[ -n "${ICAPDIAG_WHY:-}" ] || exec 2>/dev/null',
        '[ -n "${BASH_VERSION:-}" ] || exec /bin/bash "$0" "$@"',
        "set +o posix -m",
        "shopt -s nocasematch",
        "trap '' PIPE",
        "LC_ALL=C",
        "address=${1:-${IP:-}} port=${2:-${PORT:-}}",
        "where=$address:$port",
        '[[ $address != *:* ]] || where="[${address%%\\%*}]:$port"',
        "",
        f"no_threat='{_NOTHING}'",
        *_headers(),
        *_phrases("no_detections", dialects.NOT_A_THREAT),
        *_phrases("reasons", dialects.REASONS),
        *_phrases("actions", dialects.ACTIONS),
        f"printf -v clean '%b' {quoted(CLEAN)}",
        *([f"printf -v virus '%b' {quoted(eicar())}"] if monitor.plan.eicar else []),
        "tls=() authorities=''",
        *_tls(monitor),
        "",
        body.rstrip("\n"),
        "",
        *_scan(monitor),
        "",
        "if [[ ! $address =~ ^[0-9A-Za-z.:%_-]+$ || ! $port =~ ^[0-9]+$ ]]; then",
        "  silent 'give the address and the port of a server'",
        "  exit 2",
        "fi",
        f"within {monitor.limit} || exit 1",
        "printf '%s scans\\n' \"$where\"",
    ]
    return "\n".join(lines) + "\n"


def _introduction(monitor: Monitor) -> Iterator[str]:
    plan = monitor.plan
    yield f"External health monitor for Avi Load Balancer, written by icapdiag {plan.version}."
    yield f"Pool:    {plan.pool}"
    yield f"Service: {plan.service_uri}"
    for text in (*_promises(monitor), "", *_risk(monitor), "", *_steps(monitor)):
        yield from wrap(text, _WIDTH, subsequent_indent="   " if text[:1].isdigit() else "") or [""]


def _promises(monitor: Monitor) -> Iterator[str]:
    asked = ["answers OPTIONS with 200"] if monitor.options else []
    asked.append("passes a harmless upload unchanged")
    if monitor.plan.eicar:
        asked.append("blocks or removes the EICAR test virus, as it is and in an HTML form")
    *first, last = asked
    listing = f"{', '.join(first)} and {last}" if first else last
    yield ""
    yield (
        "It prints one line if the server scans, and nothing in any other case: for Avi any output means up. A server"
        f" scans if it {listing}."
        + ("" if monitor.plan.eicar else " A scanner that no longer detects anything is not noticed: no virus is sent.")
    )
    opened = f"{monitor.connections} connections, one after the other" if monitor.connections > 1 else "1 connection"
    tls = " and openssl" if monitor.target.tls else ""
    yield (
        f"Each check opens {opened}, and ends within {monitor.limit / 1000:g} s. It writes no file. It needs bash 4 or"
        f" 5{tls}. Script Parameters and Script Variables stay empty."
    )
    checked = monitor.target.tls and monitor.target.verify
    if checked and not monitor.authorities:
        yield (
            "Certificates are checked with the authorities that the Service Engine itself trusts. If yours is not among"
            " them, name it as ca_file in the pool file, or every server is down."
        )
    if checked and len(monitor.target.names) > 1:  # openssl can compare one
        yield "The certificate may have one of several names, so that its name is not checked."


def _risk(monitor: Monitor) -> Iterator[str]:
    plan = monitor.plan
    match plan.fail_action if "fail_action" in plan.stated else "":
        case "ICAP_FAIL_OPEN":
            then = "all uploads pass unscanned (fail_action of the ICAP profile is ICAP_FAIL_OPEN)"
        case "ICAP_FAIL_CLOSED":
            then = "all uploads are refused (fail_action of the ICAP profile is ICAP_FAIL_CLOSED)"
        case _:
            then = "fail_action of the ICAP profile decides: by Avi default (ICAP_FAIL_OPEN) all uploads pass unscanned"
    yield (
        "If it is wrong, working servers are marked down. Each Service Engine checks for itself, and marks a server"
        f" down after {CHECKS} failed checks ({CHECKS * monitor.send_interval} s). With all servers down the pool is"
        f" down, and {then}."
    )
    if plan.eicar:
        day = 2 * 24 * 3600 // monitor.send_interval
        yield f"Each Service Engine causes about {day:,} detections a day in the log of each server."


def _steps(monitor: Monitor) -> Iterator[str]:
    yield "Try it on a pool of its own first:"
    yield (
        "1. On a Service Engine: ip netns exec avi_nsN bash FILE ADDRESS PORT. Where it prints nothing,"
        " ICAPDIAG_WHY=1 bash FILE ADDRESS PORT says why."
    )
    yield (
        "2. Create the monitor: Templates - Profiles - Health Monitors - Create - External. Paste this file as Script"
        f" Code; Send Interval {monitor.send_interval}, Receive Timeout {monitor.receive_timeout}, Successful Checks"
        f" {CHECKS}, Failed Checks {CHECKS}. Or POST what -o json writes to /api/healthmonitor."
    )
    yield (
        "3. Add it to a new pool with the same servers, behind a virtual service that nobody uses: Avi sends no checks"
        " for a pool that no virtual service uses."
    )
    yield (
        "4. Applications - Pools - POOL - Servers: all must be up, on each Service Engine. Stop the scanner of one"
        " server: it must be marked down."
    )
    yield "5. Add it to the ICAP pool. To undo that, remove it from the pool."


def _headers() -> Iterator[str]:
    """The names of the headers that are read in the same way, as variables."""
    for variable, readers in _READERS.items():
        yield f"{variable}='{'|'.join(row.name for row in HEADERS if row.claim in readers)}'"


def _phrases(variable: str, phrases: dialects.Phrases) -> Iterator[str]:
    yield f"{variable}=("
    yield from (f"  '{pattern}' {verdict}" for pattern, verdict in phrases)
    yield ")"


def _tls(monitor: Monitor) -> Iterator[str]:
    target = monitor.target
    if not target.tls:
        return
    sent = f"-servername '{target.server_name}'" if is_name(target.server_name) else "-noservername"
    yield f"tls=({sent})"
    if not target.verify:
        return
    yield "tls+=(-verify_return_error)"
    if monitor.own_address:
        yield 'tls+=(-verify_ip "${address%%\\%*}")'
    elif len(target.names) == 1:
        (name,) = target.names
        kind, name = ("hostname", name) if is_name(name) else ("ip", plain_address(name))
        yield f"tls+=(-verify_{kind} '{name}')"
    if monitor.authorities:
        yield f"authorities={quoted(monitor.authorities.encode())}"


def _scan(monitor: Monitor) -> Iterator[str]:
    """A function that sends the requests, each on a connection of its own."""
    sent = {step.name: step for step in steps(monitor.plan, _PLACE)}
    yield "# Whether the server scans. Each request is sent by a process of its own, with which its connection ends."
    yield "scan() {"
    if monitor.options:
        yield from _sending("asks_options", sent["options"])
    yield from _sending("passes_clean", sent["clean"])
    if monitor.plan.eicar:
        yield from _sending("stops_eicar EICAR", sent["eicar"])
        yield from _sending("stops_eicar 'EICAR in a form'", sent["eicar-form"])
    yield "  return 0"
    yield "}"


def _sending(function: str, step: Step) -> Iterator[str]:
    before, path, after = step.request.first.split(_WHERE)  # it stands in the URI, and in Host
    yield f"  ( {function} \\"
    yield f'    {quoted(before)}"$where"{quoted(path)}"$where"{quoted(after)} \\'
    yield f"    {quoted(step.request.rest)} ) || return 1"
