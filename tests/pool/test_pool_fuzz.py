"""Whatever the bytes, a pool or a `PoolError`: never another exception, never an unprintable message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from icapdiag import yamltree
from icapdiag.pool import Pool, PoolError, loads_pool, pool_from_urls
from icapdiag.pool.hosts import parse_address, parse_host, parse_service_uri
from tests.examples import examples
from tests.pool.naughty import NAUGHTY

TEMPLATES = (
    "{}",
    "service_uri: {}\nmembers: [a]\n",
    "service_uri: /a\nmembers: [{}]\n",
    "service_uri: /a\nmembers:\n  - {}\n",
    "service_uri: /a\nmembers:\n  - host: {}\n",
    "service_uri: /a\nmembers:\n  - {{host: a, port: {}}}\n",
    "service_uri: /a\nmembers:\n  - {{host: a, enabled: {}, name: {}}}\n",
    "service_uri: /a\nmembers:\n  - {{host: a, tls: {}}}\n",
    "service_uri: /a\nmembers: [a]\ntls: {{ca_file: {}, server_name: {}}}\n",
    "service_uri: /a\nmembers: [a]\nsamples: {}\n",
    "service_uri: /a\nmembers: [a]\nprofile: {{vendor: {}, preview_size: {}}}\n",
    "service_uri: /a\nmembers: [a]\n{}: x\n",
    "name: p\nservers: [{{ip: {{addr: {}}}, port: {}}}]\n",
    "Pool: [{{name: {}, servers: [{{hostname: {}}}]}}]\nPoolGroup: [{{members: [{{pool_ref: {}}}]}}]\n",
    '{{"IcapProfile": [{{"name": "{}", "pool_group_ref": "{}"}}], "PoolGroup": [{{"name": "{}"}}]}}',
    '{{"service_uri": "/a", "members": ["{}", {}]}}',
)


def outcome(data: bytes, **options: str) -> Pool | PoolError:
    try:
        return loads_pool(data, Path("pool.yaml"), **options)
    except PoolError as error:
        found = error
    assert found.errors
    for located in found.errors:
        line = str(located)
        assert line.isprintable(), ascii(line)
        assert len(line) < 600
        assert line.startswith(("pool.yaml", "--"))
    return found


def sound(found: Pool | PoolError) -> None:
    if isinstance(found, Pool):
        assert found.members
        assert len({(member.host.lower(), member.port) for member in found.members}) == len(found.members)
        assert found.profile.service_uri.startswith("/")
        for member in found.members:
            assert f"{member.host}{member.name}{found.profile.service_uri}{found.name}".isprintable()
            assert not any(char.isspace() for char in member.host + found.profile.service_uri)
            assert 0 < member.port < 65536


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.usefixtures("either_loader")
@pytest.mark.parametrize("template", TEMPLATES)
def test_naughty_strings_everywhere(template: str) -> None:
    for text in NAUGHTY:
        for written in (text, f"'{text}'", f'"{text}"'):
            sound(outcome(encoded(template.replace("{}", "\0").format().replace("\0", written))))


def test_naughty_options_and_urls() -> None:
    for text in NAUGHTY:
        sound(outcome(b"service_uri: /a\nmembers: [a]\n", service_uri=text))
        outcome(b"service_uri: /a\nmembers: [a]\n", profile=text)
        for url in (text, f"icap://{text}/x", f"icap://x/{text}", f"icap://x:{text}/y", f"icap://[{text}]:1/x"):
            check_url(url)


def check_url(url: str) -> None:
    found: Pool | PoolError
    try:
        found = pool_from_urls([url])
    except PoolError as error:
        found = error
    assert isinstance(found, Pool) or all(line.isprintable() for line in str(found).splitlines())
    sound(found)


@settings(max_examples=examples(300))
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf\xff")
@example(b"{\xed\xa0\x80}")
def test_any_bytes(data: bytes) -> None:
    sound(outcome(data))
    sound(outcome(b"service_uri: /a\nmembers: [a]\n" + data))


@settings(max_examples=examples(300))
@given(st.text(max_size=100), st.sampled_from(TEMPLATES))
def test_any_text_in_any_place(text: str, template: str) -> None:
    sound(outcome(encoded(template.replace("{}", "\0").format().replace("\0", text))))


INDICATORS = st.sampled_from(
    [
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\n",
        "  ",
        "&x ",
        "*x",
        "!t ",
        "!!str ",
        "|\n",
        ">-\n",
        "'",
        '"',
        "#",
        "%YAML 1.1\n",
        "---\n",
        "...\n",
        "<<: ",
        "members: ",
        "service_uri: /a\n",
        "profile: ",
        "tls: ",
        "host: ",
        "port: ",
        "1:20",
        "no",
        "servers: ",
        "ip: ",
        "addr: ",
        "results: ",
        "pool_ref: ",
        "\t",
        "\\",
        "~",
    ]
)


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_any_run_of_indicators(loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamltree, "LOADER", getattr(yaml, loader, yaml.SafeLoader))

    @settings(max_examples=examples(500))
    @given(st.lists(INDICATORS, max_size=40).map("".join))
    def run(text: str) -> None:
        sound(outcome(encoded(text)))

    run()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["a", "/a", "192.0.2.1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "members",
                    "service_uri",
                    "profile",
                    "host",
                    "port",
                    "tls",
                    "Pool",
                    "PoolGroup",
                    "IcapProfile",
                    "results",
                    "servers",
                    "ip",
                    "addr",
                    "name",
                    "pool_ref",
                    "pool_group_ref",
                    "uuid",
                    "url",
                    "META",
                    "enabled",
                    "x",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=examples(400))
@given(JSON)
def test_any_json(value: object) -> None:
    for ascii_only in (True, False):
        sound(outcome(encoded(json.dumps(value, ensure_ascii=ascii_only))))


@settings(max_examples=examples(300))
@given(st.text(max_size=80))
def test_grammar_functions_raise_only_value_errors(text: str) -> None:
    for parse in (parse_host, parse_service_uri, parse_address):
        message = ""
        try:
            parse(text)
        except ValueError as error:
            message = str(error)
        assert message.isprintable()
    check_url(text)
    check_url(f"icap://{text}")
