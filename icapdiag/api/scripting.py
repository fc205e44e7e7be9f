"""`explain` of what a script printed on a Service Engine: its members are judged as those of a check are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from icapdiag.api.suppressing import judge
from icapdiag.facts.run import Configuration, ProfileSettings, ScriptRun, ScriptSubject
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.opening.inputs import InputError
from icapdiag.logs.opening.source import Stop, open_source
from icapdiag.model import Report
from icapdiag.pool import Member, Pool
from icapdiag.pool.model import endpoint
from icapdiag.report.build import ProbedMember, build_check_report, script_vantage
from icapdiag.runbook import Library
from icapdiag.script.engines import Seen, compared
from icapdiag.script.frames import LARGEST, Frame, Run, read_runs
from icapdiag.script.members import seen_at
from icapdiag.script.plan import Plan, Target, decode_plan, profile_of

_NAMED = 8
_PIECE = 1 << 20
_NO_ADDRESS = "{} was not tested: no address was known for it when the script was written."


def explain_outputs(
    names: Sequence[str], *, inputs: Sequence[str], filters: Filters, library: Library, stop: Stop | None = None
) -> Report:
    """Read the outputs, and say what is wrong with the members in them.

    ``filters`` may name a pool, a Service Engine, a time span in which a run began, and a member. Raises `InputError`
    for what can't be opened, if no output has its plan, and for filters that leave nothing or can't be applied.
    """
    _insist_on_use(filters)
    started_at = datetime.now(UTC)
    texts, faults = [], []
    for name in names:
        if stop is not None and stop():
            break
        with open_source(name, stop) as source:
            texts.append(_read(source.read))
            faults += [f"{source.name}: {fault}" for fault in source.faults]
    stopped = stop is not None and stop()
    runs = [run for run in read_runs(texts) if run.frames]
    plans = {run.name: plan for run in runs if (plan := _plan(run)) is not None}
    if not plans:
        if stopped:
            raise InputError(["interrupted before anything was read"])
        raise InputError([_no_plan(names)])
    described = {run.name: _described(run) for run in runs if run.name in plans}
    known = [run for run in runs if run.name in plans and _takes(filters, plans[run.name], described[run.name])]
    if not known:
        raise InputError([_nothing_left(filters, plans, described)])
    runs = [run for run in runs if run.name not in plans or run in known]
    listed = [described[run.name] for run in known]
    found = [each for run in known for each in _seen(run, plans[run.name], described[run.name])]
    seen = [each for each in compared(found) if any(map(filters.takes_member, _names(each)))]
    if found and not seen:
        names = ", ".join(dict.fromkeys(each.target.member for each in found[:_NAMED]))
        raise InputError([f"no member of the script's output is left: --member {filters.member}. It has {names}"])
    plan = plans[known[0].name]
    pool = _pool(plan, seen)
    observations = [one for each in seen for one in each.observations]
    whole = not stopped and all(run.ended and not any(frame.cut for frame in run.frames) for run in runs)
    complete = whole and len(known) == len(runs) and not any(run.strays for run in runs)
    complete = complete and not any(each.address for run in known for each in _missing(run, plans[run.name]))
    judged = judge(library, pool, observations, started_at.date(), complete=complete)
    profile = pool.profile
    report = build_check_report(
        subject=ScriptSubject(
            pool=pool.name or None,
            service_uri=profile.service_uri,
            source=plan.source or None,
            vendor=profile.vendor or None,
            preview_size=plan.preview_size,
            allow_204=profile.allow_204,
            response_timeout=profile.response_timeout,
            warn_ms=plan.warn_ms,
            crit_ms=plan.crit_ms,
            inputs=tuple(inputs),
            scripts=tuple(listed),
        ),
        vantage=script_vantage(listed[0].host or "", listed[0].namespace or "", listed[0].shell or ""),
        members=[
            ProbedMember(
                name=each.name,
                host=each.target.host,
                port=each.target.port,
                observations=each.observations,
                accepted=each.name in judged.accepted,
            )
            for each in seen
        ],
        findings=judged.findings,
        unmatched=judged.unmatched,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        complete=complete,
        notes=[*faults, *_notes(runs, plans, seen)],
    )
    return replace(
        report,
        command="explain",
        configuration=Configuration(
            pool=pool.name,
            source=plan.source,
            profile=ProfileSettings(
                service_uri=profile.service_uri,
                vendor=profile.vendor,
                enable_preview=profile.enable_preview,
                preview_size=plan.preview_size,
                allow_204=profile.allow_204,
                response_timeout=profile.response_timeout,
                slow_response_warning_threshold=profile.slow_response_warning_threshold,
                fail_action=profile.fail_action or None,
                stated=plan.stated,
            ),
        ),
        problems=judged.problems or None,
        suppressed=judged.suppressed,
        not_tested=tuple(_not_tested(known, plans)) or None,
        tool=replace(report.tool, runbooks=library.digest),
    )


# --- which runs ------------------------------------------------------------------------------------


_OPTIONS = ("pool", "se", "since", "until")
_MEANT = "--pool, --se, --since, --until and --member"


def _insist_on_use(filters: Filters) -> None:
    """Raises `InputError` for a filter that nothing in the output of a script can meet."""
    others = {
        "action": bool(filters.actions),
        **{name: getattr(filters, name) is not None for name in Filters.__struct_fields__ if name not in _KNOWN},
    }
    if unusable := [f"--{name.replace('_', '-')}" for name, given in others.items() if given]:
        verb = "is" if len(unusable) == 1 else "are"
        raise InputError([f"{', '.join(unusable)} {verb} for logs; the output of a script is chosen by {_MEANT}"])


_KNOWN = frozenset({*_OPTIONS, "member", "actions"})


def _takes(filters: Filters, plan: Plan, run: ScriptRun) -> bool:
    return filters.takes_time(run.started_at) and filters.takes_pool(plan.pool) and filters.takes_engine(run.host or "")


def _names(seen: Seen) -> tuple[str, ...]:
    """What a member can be called on the command line."""
    target = seen.target
    return seen.name, target.member, endpoint(target.address, target.port), endpoint(target.host, target.port)


def _nothing_left(filters: Filters, plans: dict[str, Plan], described: dict[str, ScriptRun]) -> str:
    given = {name: getattr(filters, name) for name in _OPTIONS if getattr(filters, name) is not None}
    asked = ", ".join(f"--{name} {value if isinstance(value, str) else _iso(value)}" for name, value in given.items())
    there = [
        f"pool {plans[name].pool} from {run.host} at {run.started_at or 'an unknown time'}"
        for name, run in list(described.items())[:_NAMED]
    ]
    return f"no run of the script is left: {asked}. The output has {', '.join(there)}"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(read: Callable[[int], bytes]) -> bytes:
    """At most `LARGEST` bytes."""
    data = b""
    while len(data) < LARGEST and (piece := read(_PIECE)):
        data += piece
    return data


def _plan(run: Run) -> Plan | None:
    """The plan, of the first copy of it that is whole."""
    for frame in run.of("plan"):
        if not frame.cut:
            try:
                return decode_plan(frame.data)
            except (msgspec.DecodeError, ValueError):
                continue
    return None


def _no_plan(names: Sequence[str]) -> str:
    file = names[0] if len(names) == 1 else f"these {len(names)} files"
    return (
        f"{file}: this is the output of icapdiag se-script, but both copies of its plan, at the beginning and at the"
        " end, are missing, damaged, or of another version of icapdiag. Run the script again and save all that it"
        " prints: bash FILE > output.txt"
    )


def _described(run: Run) -> ScriptRun:
    who = _who(run)
    end = next((frame for frame in run.of("end")), None)
    values = {} if who is None else who.values
    return ScriptRun(
        host=values.get("host") or f"run {run.name}",
        namespace=values.get("ns") or None,
        shell=values.get("bash") or None,
        user=None if who is None else who.number_of("uid"),
        started_at=_moment(who),
        finished_at=_moment(end),
        frames=len(run.frames),
        cut=sum(bool(frame.cut) for frame in run.frames) or None,
        ended=run.ended,
    )


def _who(run: Run) -> Frame | None:
    return next((frame for frame in run.of("who") if not frame.cut), None)


def _moment(frame: Frame | None) -> str | None:
    at = None if frame is None else frame.number_of("at")
    if at is None or at >= 1 << 47:
        return None
    return _iso(datetime.fromtimestamp(at // 1000, UTC))


def _seen(run: Run, plan: Plan, described: ScriptRun) -> Iterator[Seen]:
    """The targets of one run."""
    space = f" {described.namespace}" if described.namespace else ""
    engine = f"{described.host}{space}"
    frames = list(run.of("step"))
    who = _who(run)
    for number, target in enumerate(plan.targets):
        found = seen_at(plan, number, frames, target.member)
        if found:
            yield Seen(
                name=target.member,
                target=target,
                engine=engine,
                namespace=described.namespace or "",
                started=None if who is None else who.number_of("at"),
                observations=tuple(found),
            )


def _pool(plan: Plan, seen: Sequence[Seen]) -> Pool:
    members = {
        each.name: Member(host=each.target.host, port=each.target.port, name=each.name) for each in seen
    }  # one name may have several addresses
    return Pool(
        name=plan.pool,
        profile=profile_of(plan),
        members=tuple(members.values()),
        source=plan.source,
        stated=frozenset(plan.stated),
        compare=False,
    )


# --- what the reader must know ---------------------------------------------------------------------


def _notes(runs: Sequence[Run], plans: dict[str, Plan], seen: Sequence[Seen]) -> Iterator[str]:
    for run in runs:
        if run.name not in plans:
            yield f"Run {run.name}: its plan is missing, so that its results can't be read."
            continue
        if space := _kept_out(run):
            why = "root is needed, and ip netns list shows the namespaces that there are"
            yield f"Run {run.name}: the script could not enter the namespace {space}: {why}."
        if not run.ended:
            yield f"Run {run.name}: the output ends before the script did; members after that are not in it."
        cut = [frame for frame in run.frames if frame.cut]
        for frame in cut[:_NAMED]:
            what = f"{frame.kind} {frame.values.get('s', '')}".strip()
            yield f"Run {run.name}: part {frame.number} ({what}) is damaged: {frame.cut}."
        if len(cut) > _NAMED:
            yield f"Run {run.name}: {len(cut) - _NAMED:,} more parts are damaged."
        if run.strays:
            yield f"Run {run.name}: {run.strays:,} lines belong to parts whose beginning is missing."
        plan = plans[run.name]
        for target in plan.targets[:_NAMED]:
            if not target.address:
                yield _NO_ADDRESS.format(target.member)
    if not seen:
        yield "No result of any member is in the output."


def _kept_out(run: Run) -> str:
    """The namespace that the script was to run in, if it could not; else empty."""
    whole = run.ended and not run.strays and not any(run.of("step"))
    return _described(run).namespace or "" if whole else ""


def _missing(run: Run, plan: Plan) -> list[Target]:
    """The targets of which nothing is in the output."""
    there = {frame.number_of("m") for frame in run.of("step")}
    return [each for number, each in enumerate(plan.targets) if number not in there]


def _not_tested(runs: Sequence[Run], plans: dict[str, Plan]) -> Iterator[str]:
    if not any(plans[run.name].eicar for run in runs):
        yield "detection (the script was written without --eicar)"
    for run in runs:
        missing = [each.member for each in _missing(run, plans[run.name])]
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            space = _kept_out(run)
            why = (
                f"the script could not enter the namespace {space}" if space else f"not in the output of run {run.name}"
            )
            yield f"{', '.join(missing[:_NAMED])}{more} ({why})"
