"""The input and the result of every probe."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, Protocol, TypeVar

import trio
from msgspec import Struct, field
from msgspec.structs import replace

from icapdiag.facts.connection import Path, ProbeSheet
from icapdiag.facts.sheet import Record, Sheet
from icapdiag.model import Observation
from icapdiag.pool import Member, Pool
from icapdiag.pool.model import endpoint
from icapdiag.probe.messages import Message, Planned
from icapdiag.probe.recorder import TranscriptRecorder
from icapdiag.probe.throttle import ExclusiveAccess, RateLimiter
from icapdiag.vocabulary import Reason, Status

R = TypeVar("R", bound=Record)
NEVER = float("inf")
_GRACE = 0.3  # seconds after the deadline for a probe that keeps time itself to come back with what it read
Label = Literal["safe", "active", "load"]
Depth = Literal["quick", "standard", "deep"]


class Settings(Struct, frozen=True, kw_only=True):
    """How to probe. Times in seconds.

    ``timeout`` is for one ICAP transaction, ``connect_timeout`` for one TCP or TLS handshake,
    ``dns_timeout`` for one name; ``deadline`` is for all steps of one member, however slowly
    it answers. ``pace`` is the time between the starts of two members: without it, starts queue up in
    our own event loop and look like latency of the servers. ``resolvers`` are DNS servers as
    ``address``, ``address:port`` or ``[address]:port``.
    """

    eicar: bool = False
    connect_timeout: float = 5.0
    timeout: float = 10.0
    dns_timeout: float = 5.0
    deadline: float = 30.0
    pace: float = 0.0005
    rate: float | None = None  # new connections per second, of all members together
    warn_ms: int | None = None  # an answer is slow after so many ms; None: after the profile's threshold
    crit_ms: int | None = None  # and too slow after so many; None: after the profile's response_timeout
    correlation_id: str = ""  # sent as X-Correlation-ID in the sample requests
    resolvers: tuple[str, ...] = ()  # DNS servers to ask; empty: those of the system
    resolver_port: int = 53  # of those that name no port
    count: int = 1  # rounds of the harmless steps
    pause: float = 0.2  # between two rounds
    source: str = ""  # our address on connections to members; empty: the kernel's choice
    interface: str = ""  # device that connections to members must leave by
    family: int | None = None  # 4 or 6: dial only addresses of this version
    max_addresses: int = 8  # of a name that are probed
    idle: float = 0.0  # seconds without a request after which the server may be seen to close; 0: don't look
    load_ceiling: int = 64  # most scans at a time of the load probe
    expected_rps: float | None = None  # requests per second that the member is to take
    expected_latency_ms: float | None = None  # of a scan; None: what is measured
    max_size: int = 8 * 1024 * 1024  # bytes of the largest body
    transcript: bool = False  # observations tell what was sent and received


class Observer(Protocol):
    """Notified of progress while the probes run; called in trio's thread, must not block."""

    def member_started(self, member: Member) -> None: ...
    def probe_finished(self, observation: Observation) -> None: ...
    def member_finished(self, member: Member) -> None: ...


class Failure(Struct, frozen=True):
    """Why something did not work. ``status``: ``failed`` if the peer or the path caused it, ``error`` if this host did.

    ``error``: the message of the operating system or library.
    """

    reason: Reason
    error: str | None = None
    status: Status = Status.FAILED


class Outcome(Struct, frozen=True):
    """The result of one run of a probe. ``reason`` as in `Observation`."""

    status: Status
    reason: str | None = None
    facts: ProbeSheet = field(default_factory=ProbeSheet)


def ok(facts: ProbeSheet | None = None) -> Outcome:
    return Outcome(Status.OK, None, facts or ProbeSheet())


def failed(failure: Failure, facts: ProbeSheet | None = None) -> Outcome:
    """The outcome of this failure; its ``error`` is used if the facts have none."""
    facts = facts or ProbeSheet()
    return Outcome(failure.status, failure.reason, replace(facts, error=failure.error or facts.error))


def found_in(facts: Sheet | None, wanted: type[R]) -> R:
    """Those facts, or that part of them; empty if there are none."""
    return (facts and facts.part(wanted)) or wanted()


class Context(Struct, kw_only=True):
    """One member at one of its addresses, while its probes run in sequence.

    ``stream`` is the connection that ``tcp`` (and ``tls``) opened and ``options`` uses;
    ``addresses`` are those that ``dns`` found and that are probed, ``untested`` is the number of others.
    ``due`` is the member's deadline on trio's clock.
    ``chosen`` names the selected probes; ``outcomes`` has the results of those that ran at this
    address, with their duration in ms; ``path`` the loss on its connections. ``recorder``, if any, records what
    is sent and received.
    """

    pool: Pool
    member: Member
    settings: Settings
    address: str = ""
    addresses: tuple[str, ...] = ()
    untested: int = 0
    stream: trio.abc.Stream | None = None
    due: float = NEVER
    rate_limiter: RateLimiter | None = None
    exclusive_access: ExclusiveAccess | None = None
    recorder: TranscriptRecorder | None = None
    chosen: frozenset[str] = frozenset()
    outcomes: dict[str, tuple[Outcome, float]] = field(default_factory=dict)
    path: Path = field(default_factory=Path)

    def time_for(self, step: float) -> float:
        """How many seconds this step may take: its own timeout, or less if the member's deadline comes first."""
        return max(0.0, min(step, self.due - trio.current_time()))

    async def wait_for_rate(self) -> None:
        """Call before each new connection: waits for the rate limit, without using up the member's deadline."""
        if self.rate_limiter is not None:
            self.due += await self.rate_limiter.wait()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Run while no other member is probed; waiting for that does not count against the member's deadline."""
        if self.exclusive_access is None:
            yield
            return
        async with self.exclusive_access.exclusive() as waited:
            self.due += waited
            yield

    def handshakes(self, what: str = "handshake") -> tuple[Message, ...]:
        """The TLS handshake at the start of a new connection to the member; empty without TLS."""
        return (Message(kind="tls", what=what, size=None),) if self.member.tls else ()

    def connections(self, *messages: Message, condition: str = "") -> Planned:
        """As planned: a new connection to the member for each message."""
        sent = tuple(each for message in messages for each in (*self.handshakes(), message))
        return Planned(to=self.peer, connections=len(messages), messages=sent, condition=condition)

    @property
    def place(self) -> tuple[str, int]:
        """Host and port to name in requests: the current address, otherwise the member's host."""
        return self.address or self.member.host, self.member.port

    @property
    def peer(self) -> str:
        """``host:port`` of that."""
        return endpoint(*self.place)

    @property
    def preview_size(self) -> int | None:
        """The profile's preview size in bytes; None without previews."""
        return self.pool.profile.preview_size if self.pool.profile.enable_preview else None

    def outcome(self, probe: str) -> Outcome | None:
        """The outcome of this probe at this address; None if it did not run."""
        return self.outcomes[probe][0] if probe in self.outcomes else None

    def found(self, probe: str, wanted: type[R]) -> R:
        """The facts of this probe at this address, or that part of them; empty if it did not run."""
        outcome = self.outcome(probe)
        return found_in(None if outcome is None else outcome.facts, wanted)

    async def within(self, seconds: float, steps: Awaitable[str]) -> str:
        """The steps' own reason for ending; ``deadline`` if these seconds, or the member's, ran out first."""
        with trio.move_on_after(self.time_for(seconds)):
            return await steps
        return "deadline"

    async def close(self) -> None:
        """Drop the shared connection, if there is one, without waiting for the peer."""
        if self.stream is not None:
            stream, self.stream = self.stream, None
            await trio.aclose_forcefully(stream)


class Probe(Struct, frozen=True, kw_only=True):
    """A probe's record.

    ``label`` is its risk: ``safe``; ``active`` if sensors may take it for an attack; ``load`` if it can
    slow the server and its other clients, so that it runs while no other member is probed.
    ``sends`` describes its traffic in one line, ``plan`` in full.
    ``virus``: if EICAR may be sent, it sends it, as the eicar probe does before it.
    ``depth`` is the shallowest run that has it.
    ``connects``: it opens one connection, when the rate allows it (`Context.wait_for_rate`).
    ``needs`` names the probes that must succeed before it; ``carries``: they require what this one
    leaves behind, an address or a connection. ``blocks`` returns whether an outcome of this
    probe prevents the probes that need it. ``skip`` returns a word if the probe does not
    apply (``not-asked``), otherwise None. ``after`` names the probes whose outcome it uses, good or bad;
    ``unneeded`` returns, once they have run, whether nothing is left to find out: such a probe is planned and
    then skipped as ``not-needed``. ``follows`` marks a probe that repeats or sums up others and can't be selected;
    ``more_time`` is added to the member's deadline. ``timeout`` selects this step's limit from the settings;
    None: the probe limits its time itself (`Context.time_for`), to keep what it has read.
    """

    name: str
    run: Callable[[Context], Awaitable[Outcome]]
    sends: str = ""
    plan: Callable[[Context], tuple[Planned, ...]] = lambda _: ()
    label: Label = "safe"
    virus: bool = False
    depth: Depth = "standard"
    connects: bool = False
    carries: bool = False
    follows: bool = False
    more_time: Callable[[Settings], float] = lambda _: 0.0
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    unneeded: Callable[[Context], bool] = lambda _: False
    timeout: Callable[[Settings], float] | None = None
    skip: Callable[[Context], str | None] = lambda _: None
    blocks: Callable[[Outcome], bool] = lambda outcome: outcome.status in {Status.FAILED, Status.ERROR}


async def run_with_deadline(context: Context, probe: Probe) -> Outcome:
    """Run the probe within a deadline; an exception in it is an outcome, too."""
    limit = context.time_for(probe.timeout(context.settings) if probe.timeout else NEVER)
    if limit <= 0:
        text = f"the member's {context.settings.deadline:g} s were used up"
        return failed(Failure(Reason.DEADLINE, text, Status.ERROR))
    try:
        with trio.fail_after(limit if probe.timeout else limit + _GRACE):
            return await probe.run(context)
    except trio.TooSlowError:
        await context.close()
        return failed(Failure(Reason.TIMEOUT, f"not finished within {limit:g} s"))
    except Exception as exc:  # noqa: BLE001 - a bug in one probe must not cost what the others learnt
        await context.close()
        where = traceback.extract_tb(exc.__traceback__)[-1]
        text = f"{type(exc).__name__}: {exc} ({where.filename.rpartition('/')[2]}:{where.lineno})"
        return failed(Failure(Reason.BUG, text[:300], Status.ERROR))
