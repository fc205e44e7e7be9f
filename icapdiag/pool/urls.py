"""A pool from ICAP URLs of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from icapdiag.mistakes import Problems, shown
from icapdiag.pool.hosts import EXAMPLES, ServerAddress, parse_address, parse_url, same_host
from icapdiag.pool.members import MOST_MEMBERS
from icapdiag.pool.model import DEFAULT_PORT, DEFAULT_TLS_PORT, TLS, Member, Pool, PoolError, Profile, endpoint

SOURCE = "command line"


def pool_from_urls(
    urls: Sequence[str],
    *,
    samples: tuple[str, ...] = ("clean",),
    tls: TLS | None = None,
    profile: Profile | None = None,
    name: str = SOURCE,
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
            place = _read(url)
        except ValueError as error:
            problems.add_option(shown(url), str(error))
            continue
        member = _member(place, tls)
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
    return Pool(name=name, profile=settings, members=tuple(members.values()), samples=samples, source=SOURCE)


def _read(url: str) -> ServerAddress:
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


def _member(place: ServerAddress, tls: TLS | None) -> Member:
    port = place.port or (DEFAULT_TLS_PORT if place.tls else DEFAULT_PORT)
    return Member(
        host=place.host, port=port, name=endpoint(place.host, port), tls=(tls or TLS()) if place.tls else None
    )
