"""What messages of c-icap, its scanning services and Squid say, by their texts in the sources of these programs.

c-icap 0.5 and 0.6 (mpmt_server.c, os/unix/net_io.c, request.c, body.c, cfg_param.c, openssl/net_io_ssl.c), its modules
0.5 (virus_scan.c, clamd_mod.c, clamav_mod.c), squidclamav 6 and 7 (squidclamav.c), Squid 5 to 7
(adaptation/icap/ServiceRep.cc, Options.cc, Xaction.cc, comm/TcpAcceptor.cc).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from icapdiag.facts.scanner import C_ICAP, SQUID

_URI = r"(?P<uri>icaps?://\S{1,300})"
_C_ICAP = (  # kind, the text from its beginning
    ("engine-start", r"clamd_init: (?:Error while |Not valid response)"),
    ("engine-connect", r"clamd_connect: Can not connect to clamd server on (?P<engine>.{1,200}?)!?\s*$"),
    ("engine-unreachable", r"clamd_scan: Unable to connect to clamd server"),
    ("engine-answer", r"clamd_scan: (?:Error |parse error)|clamav_mod: An error occured while scanning"),
    ("no-registry", r"Registry 'virus_scan::engines' does not exist"),
    ("no-engine-pass", r"Antivirus engine is not available, allow 204"),
    ("engine-ready", r"Setting antivirus default engine: (?P<detail>\S{1,60})"),
    ("scan-failed", r"Failed to scan web object"),
    ("scan-aborted", r"Error while scanning for virus\. Aborting"),
    ("decode-failed-passed", r"Unable to uncompress deflate encoded data: .{0,200}Let it pass due to PassOnError"),
    (
        "too-large-passed",
        (
            r"Object size is (?P<size>\d{1,18}) ?\. ?Bigger than max scannable file size "
            r"\((?P<limit>\d{1,18})\)\. Allow it"
        ),
    ),
    ("too-large-refused", r"Object does not fit to max object size and early responses are not allowed"),
    ("signatures-not-loaded", r"Clamav DB (?:re)?load: (?P<detail>.{1,200})|Database initialization error"),
    ("virus-found", r"VIRUS DETECTED: (?P<threat>.{1,200}?) ?, http client ip: (?P<peer>[^\s,]{1,60})"),
    (
        "threads-busy",
        (
            r"ATTENTION!!!! Not enough available servers "
            r"\(children \d{1,9}, free servers (?P<free>\d{1,9}), used servers (?P<used>\d{1,9})\)"
        ),
    ),
    ("queue-full", r"Too long connections queue \(\d{1,9}\), drop connection"),
    ("no-descriptors", r"Accept failed: errno=(?:23|24)\b|.{0,300}Too many open files"),
    ("no-memory", r"ERROR: Request memory allocation failure, reject connection"),
    ("disk-full", r".{0,300}No space left on device"),
    ("no-temporary-file", r"Can not open temporary filename[^:]{0,40}: ?(?P<detail>.{1,200})"),
    ("no-template", r"Unable to find specified template|Can not found the text template file"),
    ("cannot-listen", r"Error (?:binding|listening \.|opening socket|converting ipv4 address) ?"),
    (
        "bad-certificate",
        (
            r"Unable to check private key: (?P<detail>.{1,200})|Error reading key passphrase"
            r"|Unable to create SSL_CTX object|To use ssl please provide a server certificate"
        ),
    ),
    (
        "bad-configuration",
        (
            r"Fatal error while parsing config file|Error opening/parsing config file"
            r"|Error loading (?P<detail>(?:service|module) [^\s,]{1,200})"
        ),
    ),
    ("denied", r"Request from (?P<peer>\S{1,60}) is denied"),
    ("bad-chunks", r"Error parsing chunks"),
    ("crashed", r"Child \d{1,10} did not exit normally"),
    ("signalled", r"signaled with signal: (?P<detail>\d{1,3})"),
    ("squidclamav-failed", r"ERROR Can't connect to Clamd daemon"),
    (
        "squidclamav-connect",
        (
            r"ERROR (?:Can't connect (?:to clamd on local socket|on)|Timeout connecting to clamd on) "
            r"(?P<engine>\S{1,200}?)\.?\s*$"
        ),
    ),
    ("squidclamav-write", r"ERROR Can't (?:write (?:to [Cc]lamd socket|z?INSTREAM)|send to clamd)"),
    ("virus-found", r"LOG Virus found in \S{1,2000} ending download \[(?:stream: )?(?P<threat>.{1,200}?)(?: FOUND)?\]"),
    (
        "squidclamav-too-large",
        (
            r"DEBUG No (?:antivir check, content-length|more antivir check, downloaded stream is)"
            r" upper than maxsize \((?P<size>\d{1,18}) ?> ?(?P<limit>\d{1,18})\)"
        ),
    ),
)
_SQUID = (
    (
        "service-down",
        (
            rf"(?P<which>essential|optional) ICAP service is down after an options fetch failure: {_URI}"
            r" \[(?P<state>[^\]\s]{1,80})\]"
        ),
    ),
    (
        "service-suspended",
        (
            rf"(?P<which>essential|optional) ICAP service is suspended: {_URI}"
            r" \[(?P<state>[^\]\s]{1,80})\]"
        ),
    ),
    ("service-up", rf"(?P<which>essential|optional) ICAP service is up: {_URI}"),
    (
        "options-invalid",
        (
            rf"WARNING: Squid got an invalid ICAP OPTIONS response from service {_URI}; "
            r"error: (?P<detail>.{1,200})"
        ),
    ),
    ("method-missing", rf"WARNING: Squid is configured to use ICAP method (?P<detail>\S{{1,10}}) for service {_URI} "),
    ("clock-skewed", rf"ICAP service's clock is skewed by (?P<detail>-?\d{{1,12}} seconds): {_URI}"),
    ("connections-exceeded", rf"WARNING: ICAP Max-Connections limit exceeded for service {_URI}\."),
    ("connections-zero", r"WARNING: Max-Connections is set to zero"),
    ("unknown-host", r"(?:ERROR: )?ICAP: Unknown service host: (?P<detail>\S{1,253})"),
    (
        "no-descriptors",
        (
            r"WARNING! Your cache is running out of filedescriptors"
            r"|WARNING: Your cache is running out of filedescriptors|.{0,300}Too many open files"
        ),
    ),
    ("disk-full", r".{0,300}No space left on device"),
)


class Said(NamedTuple):
    """What a message is, and the parts of it by name: uri, state, engine, threat, size and the like."""

    kind: str
    parts: dict[str, str]


def _compiled(table: Iterable[tuple[str, str]]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(text, re.ASCII)) for kind, text in table)


_OF = {C_ICAP: _compiled(_C_ICAP), SQUID: _compiled(_SQUID)}
KINDS = frozenset(kind for table in _OF.values() for kind, _ in table)


def read_message(program: str, text: str) -> Said | None:
    """What the message of this program says; None for one that is not known, which is most of them."""
    for kind, pattern in _OF[program]:
        if found := pattern.match(text):
            return Said(kind, {name: part for name, part in found.groupdict().items() if part is not None})
    return None
