"""A pool from a file (our own pool.yaml, or what Avi's API and its exports hold), or from ICAP URLs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

from msgspec.structs import replace

from icapdiag.avi.config.forms import Wanted, is_avi
from icapdiag.mistakes import Path, Problems, bare, shown
from icapdiag.pool.avi import VIRTUAL_SERVICE_OPTION, Choice, read_objects
from icapdiag.pool.hosts import EXAMPLES, ServerAddress, parse_address, parse_service_uri, parse_url, same_host
from icapdiag.pool.members import MOST_MEMBERS, Defaults, member_at, read_members, read_tls
from icapdiag.pool.model import DEFAULT_PORT, TLS, Member, Pool, PoolError, Profile, Suppression, endpoint, fatal
from icapdiag.pool.scalars import texts
from icapdiag.pool.schema import AviProfile, PoolFile, ProfileFile, SuppressionFile, given, listed, validate
from icapdiag.treefile import FileKind, parse_tree, read_tree
from icapdiag.vocabulary import COMMAND_LINE
from icapdiag.yamltree import MapNode, Node, kind, report

SAMPLES = ("clean", "eicar")
KEYS = Wanted()
MOST_SUPPRESSIONS = 1000
EMPTY = "empty: the shortest useful file has service_uri: /… and members: [address]"
FILE = FileKind(
    name="a pool file",
    in_folder="name the pool file in it",
    too_large="not a pool file; of an export keep Pool, PoolGroup and IcapProfile",
    empty=EMPTY,
    raises=PoolError,
)
LASTLINE_PREVIEW = 10  # bytes; the least that Avi accepts for that vendor


def load_pool(
    path: FilePath, *, profile: str | None = None, service_uri: str | None = None, virtual_service: str | None = None
) -> Pool:
    """The pool that a file describes.

    ``profile`` names the IcapProfile to take where an export holds several, or ``virtual_service`` the virtual service
    (by name or uuid) whose profile it is; ``service_uri``
    replaces the file's. Raises `PoolError` with every mistake found, and nothing else.
    """
    return _load(read_tree(path, KEYS, FILE), path, Choice(profile, virtual_service), service_uri)


def loads_pool(
    data: bytes,
    path: FilePath,
    *,
    profile: str | None = None,
    service_uri: str | None = None,
    virtual_service: str | None = None,
) -> Pool:
    """Like `load_pool` for bytes at hand (standard input, the lab's own pool); ``path`` names them in messages."""
    return _load(parse_tree(data, str(path), KEYS, FILE), path, Choice(profile, virtual_service), service_uri)


def _load(root: Node, path: FilePath, choice: Choice, service_uri: str | None) -> Pool:
    problems = Problems(str(path), PoolError)
    report(root, (), problems)
    if service_uri is not None:
        try:
            parse_service_uri(service_uri)
        except ValueError as error:
            problems.add_option("--service-uri", str(error))
    if is_avi(root):
        return read_objects(root, str(path), problems, choice=choice, service_uri=service_uri)
    if choice.virtual_service is not None:
        problems.add_option(VIRTUAL_SERVICE_OPTION, "this file is not an Avi export, and has no virtual services")
    return _read_file(root, path, problems, choice.profile, service_uri)


def _read_file(root: Node, path: FilePath, problems: Problems, chosen: str | None, service_uri: str | None) -> Pool:
    """The pool of our own format; keeps going after a mistake, so that all are found."""
    if not isinstance(root, MapNode):
        stands = f"there is {kind(root)} here: a pool file is a mapping, with service_uri: /… and members: […]"
        problems.add(root, (), stands)
        raise problems.error()
    if not root.entries:
        raise fatal(str(path), EMPTY, root.line, root.column)
    if root.get("apiVersion") and root.get("kind"):
        problems.add(
            root,
            (),
            f"a Kubernetes object ({bare(root.text('kind'))}): it only names an ICAP profile; "
            "load that profile, its pool group and its pools from the Controller",
        )
        raise problems.error()
    top = validate(PoolFile, root, (), problems)
    written = root.get("profile")
    fields = None if written is None else validate(ProfileFile, written, ("profile",), problems)
    uri = service_uri or _service_uri(root, top, fields, problems)
    port = _default_port(root, top, fields, problems)
    setting = root.get("tls")
    tls = None if setting is None else read_tls(setting, ("tls",), None, path.parent, problems)
    if root.find("members") is None:
        problems.add(root, ("members",), "missing: write members: [address, …]")
    defaults = Defaults(port=port, tls=tls, service_uri=uri, directory=path.parent)
    members = read_members(root.get("members"), defaults, problems)
    samples = _samples(root.get("samples"), problems)
    suppressions = _suppressions(root.get("suppressions"), problems)
    profile = Profile(**{**_settings(fields), "service_uri": uri, "default_port": port or DEFAULT_PORT})
    if profile.vendor == "ICAP_VENDOR_LASTLINE" and profile.enable_preview and profile.preview_size < LASTLINE_PREVIEW:
        small = f"{profile.preview_size} is too small for this vendor"
        advice = f"{small}: write {LASTLINE_PREVIEW} or more (1000 is advised)"
        problems.add(written.get("preview_size") if written else None, ("profile", "preview_size"), advice)
    if chosen is not None and chosen != profile.name:
        problems.add_option("--profile", f"{shown(chosen)}: this file is not an Avi export, and has one profile")
    problems.check()
    return Pool(
        name=((top.pool if top else "") or profile.name or path.stem)[:256],
        profile=profile,
        members=members,
        samples=samples,
        source=str(path),
        compare=top.compare if top else True,
        suppressions=suppressions,
        stated=frozenset({"service_uri", *_settings(fields)}),
    )


def _service_uri(root: MapNode, top: PoolFile | None, fields: ProfileFile | None, problems: Problems) -> str:
    above = top.service_uri if top else ""
    within = (fields.service_uri if fields else None) or ""
    profile = root.get("profile")
    outer, inner = root.get("service_uri"), profile.get("service_uri") if profile else None
    if outer and above and within and above != within:
        other = f"{shown(within)} differs from the service_uri in line {outer.line}, {shown(above)}: write it once"
        problems.add(inner, ("profile", "service_uri"), other)
    if outer is None and inner is None:
        missing = "missing: write the path of the ICAP service, such as service_uri: /OMSScanReq-AV"
        problems.add(root, ("service_uri",), missing)
    return above or within


def _default_port(root: MapNode, top: PoolFile | None, fields: ProfileFile | None, problems: Problems) -> int | None:
    above = top.default_port if top else None
    within = fields.default_port if fields else None
    if above and within and above != within:
        other = f"{above} differs from profile.default_port, {within}: write it once"
        problems.add(root.get("default_port"), ("default_port",), other)
    return above or within


def _samples(node: Node | None, problems: Problems) -> tuple[str, ...]:
    if node is None or node.problem is not None:
        return ("clean",)
    path = ("samples",)
    try:
        words = texts(node)
    except ValueError as error:
        problems.add(node, path, str(error))
        return ("clean",)
    unknown = next((word for word in words if word not in SAMPLES), None)
    if unknown is not None:
        problems.add(node, path, f"{shown(unknown)} is not a sample: write [clean] or [clean, eicar]")
    elif "clean" not in words or len(set(words)) != len(words):
        problems.add(node, path, "write [clean], or [clean, eicar] to send the EICAR test file too")
    return tuple(sample for sample in SAMPLES if sample in words)


def _settings(fields: ProfileFile | None) -> dict[str, Any]:
    """What the file says of Avi's profile; Avi's defaults stand in `Profile`."""
    values = given(fields) if fields else {}
    return {name: value for name, value in values.items() if name in AviProfile.__struct_fields__}


def _suppressions(node: Node | None, problems: Problems) -> tuple[Suppression, ...]:
    """All suppressions that can be read; mistakes are noted. Whether there is such a finding is not known here."""
    path: Path = ("suppressions",)
    items = listed(node, path, " of {finding, reason, owner, until}", MOST_SUPPRESSIONS, problems)
    found: list[Suppression] = []
    first: dict[tuple[str, str], int] = {}
    for index, item in enumerate(items):
        written = validate(SuppressionFile, item, (*path, index), problems)
        if written is None:
            continue
        line = first.setdefault((written.finding, written.member), item.line)
        if line != item.line:
            problems.add(
                item, (*path, index), f"the same finding and member are there already, in line {line}: delete one"
            )
            continue
        place = item.get("finding") or item
        found.append(Suppression(**given(written), index=index, line=place.line, column=place.column))
    return tuple(found)


def pool_from_urls(
    urls: Sequence[str],
    *,
    samples: tuple[str, ...] = ("clean",),
    tls: TLS | None = None,
    profile: Profile | None = None,
    name: str = COMMAND_LINE,
) -> Pool:
    """The pool whose members are these ``icap://`` and ``icaps://`` URLs (RFC 3507 section 4.2).

    All must name the same service. ``tls`` is what icaps members use (default: verify against the
    system's authorities); ``profile`` gives the other settings (default: Avi's defaults).
    Raises `PoolError` with every mistake found.
    """
    problems = Problems("", PoolError)
    places: dict[str, ServerAddress] = {}
    if not urls:
        problems.add_option("", f"no URL: write icap://host:port/service, with a service such as {EXAMPLES}")
    if len(urls) > MOST_MEMBERS:
        problems.add_option("", f"{len(urls)} URLs: write at most {MOST_MEMBERS}")
    members: dict[tuple[str, int], Member] = {}
    for url in urls[:MOST_MEMBERS]:
        try:
            place = _read_url(url)
        except ValueError as error:
            problems.add_option("" if shown(url) in str(error) else shown(url), str(error))
            continue
        member = member_at(place, tls=tls)
        key = (same_host(member.host), member.port)
        if key in members:
            problems.add_option(shown(url), f"{endpoint(*key)} is given twice: leave one out")
        members[key] = member
        places.setdefault(place.service_uri, place)
    if len(places) > 1:
        services = ", ".join(shown(service) for service in list(places)[:10])
        problems.add_option(
            "", f"the URLs name {len(places)} services ({services}): a pool has one; check them one by one"
        )
    problems.check()
    service_uri = next(iter(places))
    settings = replace(profile, service_uri=service_uri) if profile else Profile(service_uri=service_uri)
    return Pool(name=name, profile=settings, members=tuple(members.values()), samples=samples, source=COMMAND_LINE)


def _read_url(url: str) -> ServerAddress:
    if "://" not in url:
        raise ValueError(_bare(url))
    place = parse_url(url)
    if not place.service_uri:
        raise ValueError(f"the path of the service is missing: write it after the port, such as {EXAMPLES}")
    return place


def _bare(url: str) -> str:
    """What to write instead of ``host:port`` or ``host/service``."""
    authority, slash, path = url.partition("/")
    try:
        place = parse_address(authority)
    except ValueError:
        return "no ICAP URL and no file: write icap://host:port/service"
    host = f"[{place.host}]" if ":" in place.host else place.host
    port = f":{place.port}" if place.port else ""
    service = (slash + path) if path else "/SERVICE"
    hint = "" if path else f", with a service such as {EXAMPLES}"
    return f"no ICAP URL: write {shown(f'icap://{host}{port}{service}')}{hint}"
