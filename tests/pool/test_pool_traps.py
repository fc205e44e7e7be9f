"""YAML's own traps, named for what they are; and what a pool file may not contain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icapdiag.pool.scalars import yaml_reading

if TYPE_CHECKING:
    from collections.abc import Callable

    Mistakes = Callable[..., list[str]]

pytestmark = pytest.mark.usefixtures("either_loader")


@pytest.mark.parametrize(
    ("written", "reading"),
    [
        ("no", "false"),
        ("off", "false"),
        ("False", "false"),
        ("yes", "true"),
        ("ON", "true"),
        ("1:20", "80 (base 60)"),
        ("1:2:3:4:5:6:7:8", "2895057742028 (base 60)"),
        ("013440", "5920 (octal)"),
        ("0x1F", "31 (hexadecimal)"),
        ("0b11", "3 (binary)"),
        ("1_344", "1344"),
        ("-1_344", "-1344"),
        ("10.20", "a decimal fraction"),
        (".inf", "a decimal fraction"),
        ("2001-01-01", "a date"),
        ("2001-13-45", "a date"),
    ],
)
def test_a_text_that_yaml_reads_otherwise_asks_for_quotes(mistakes: Mistakes, written: str, reading: str) -> None:
    for text, place in (
        (f"service_uri: /a\nmembers: [a]\npool: {written}\n", "3:7: pool"),
        (f"service_uri: /a\nmembers:\n  - {written}\n", "3:5: members[0]"),
        (f"service_uri: /a\nmembers:\n  - host: {written}\n", "3:11: members[0].host"),
    ):
        (line,) = mistakes(text)
        shown = written if written.replace("-", "").replace("_", "").isalnum() else repr(written)
        assert f'pool.yaml:{place}: {shown} is read by YAML as {reading}: write it in quotes, "{written}"' == line


@pytest.mark.parametrize(
    "written", ["'no'", '"1:20"', "'013440'", "'2001-13-45'", "2024", "+12", "y", "1e3", "nope", "|-\n  no"]
)
def test_quotes_and_harmless_texts_keep_their_text(load: Callable[..., object], written: str) -> None:
    pool = load(f"service_uri: /a\nmembers: [a]\npool: {written}\n")
    assert getattr(pool, "name", None) == written.strip("'\"|-\n ")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1:20", "'1:20' is read by YAML as 80 (base 60): write a number from 1 to 65535 in plain digits"),
        ("013440", "013440 is read by YAML as 5920 (octal): write a number from 1 to 65535 without leading zeros"),
        ("'013440'", "013440 is read by YAML as 5920 (octal): write a number from 1 to 65535 without leading zeros"),
        ("0899", "0899 has a leading zero: write a number from 1 to 65535 without leading zeros"),
        ("0x540", "0x540 is read by YAML as 1344 (hexadecimal): write a number from 1 to 65535 in plain digits"),
        ("1_344", "1_344 is read by YAML as 1344: write a number from 1 to 65535 in plain digits"),
        ("1344.0", "'1344.0' is read by YAML as a decimal fraction: write a number from 1 to 65535 in plain digits"),
        ("1e3", "1e3 is not a whole number: write a number from 1 to 65535 in plain digits"),
        ("yes", "yes is read by YAML as true: write a number from 1 to 65535 in plain digits"),
        ("2001-01-01", "2001-01-01 is read by YAML as a date: write a number from 1 to 65535 in plain digits"),
        ("-1", "'-1' is out of range: write a number from 1 to 65535, without a sign"),
        ("0", "0 is out of range: write a number from 1 to 65535"),
        ("65536", "65536 is out of range: write a number from 1 to 65535"),
        ("9" * 5000, f"'{'9' * 60}'… is out of range: write a number from 1 to 65535"),
        ("1344 # fine", None),
        ("'1344'", None),
        ("~", "has no value: write one, or delete the line"),
        ("null", "has no value: write one, or delete the line"),
        ("''", "has no value: write one, or delete the line"),
        ("'١٣٤٤'", "١٣٤٤"),
    ],
)
def test_numbers_are_plain_decimal_digits(
    mistakes: Mistakes, load: Mistakes, written: str, message: str | None
) -> None:
    text = f"service_uri: /a\nmembers:\n  - host: a\n    port: {written}\n"
    if message is None:
        assert load(text)
        return
    (line,) = mistakes(text)
    assert line.startswith("pool.yaml:4:11: members[0].port: ")
    assert message in line


@pytest.mark.parametrize("written", ["true", "True", "yes", "on", "'true'"])
def test_flags_take_any_spelling_of_true(load: Callable[..., object], written: str) -> None:
    pool = load(f"service_uri: /a\nmembers: [a]\nprofile: {{allow_204: {written}}}\n")
    assert getattr(pool, "profile", None)


def test_long_base_60_numbers_are_not_computed() -> None:
    assert yaml_reading("1" + ":10" * 10_000) == "a number (base 60)"
    assert yaml_reading("1" * 10_000) is None


def test_anchors_aliases_merges_and_tags_are_refused(mistakes: Mistakes) -> None:
    text = """\
        service_uri: &uri /a
        profile: {name: *uri, <<: {preview_size: 1}}
        members:
          - !!python/object/apply:os.system [true]
          - !!str 192.0.2.1
          - !local {host: a}
          - &m [*m]
        """
    expected = [
        "pool.yaml:1:14: service_uri: anchor &uri: a pool file has no anchors and aliases; remove it",
        "pool.yaml:2:17: profile.name: alias *uri: a pool file has no anchors and aliases; write the value out",
        "pool.yaml:2:23: profile[<<]: merge keys are not used here: write the keys out".replace("<<", "'<<'"),
        (
            "pool.yaml:4:5: members[0]: tag 'tag:yaml.org,2002:python/object/apply:os.system': a pool file has no "
            "tags; remove it, and write text in quotes"
        ),
        (
            "pool.yaml:5:5: members[1]: tag 'tag:yaml.org,2002:str': a pool file has no tags; remove it, and write "
            "text in quotes"
        ),
        "pool.yaml:6:5: members[2]: tag '!local': a pool file has no tags; remove it, and write text in quotes",
        "pool.yaml:7:5: members[3]: anchor &m: a pool file has no anchors and aliases; remove it",
        "pool.yaml:7:9: members[3][0]: alias *m: a pool file has no anchors and aliases; write the value out",
    ]
    assert expected == mistakes(text)


def test_an_alias_bomb_is_refused_at_its_size(mistakes: Mistakes) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    said = mistakes("\n".join(lines))
    assert any("alias *a10" in line for line in said)
    assert len(said) < 200


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "{a: " * 5000,
        "- " * 5000,
        "members: " + "[" * 200 + "]" * 200,
        "members:\n" + "".join(" " * depth + "-\n" for depth in range(1, 200)),
        "? " * 5000,
        "[" * 200_000,
        "{" * 200_000,
        '{"a":' * 200_000,
        '{"x":' + "[" * 200_000,
    ],
)
def test_deep_nesting_is_a_mistake_and_no_crash(mistakes: Mistakes, text: str) -> None:
    assert mistakes(text)


def test_deep_nesting_is_named(mistakes: Mistakes) -> None:
    (line,) = mistakes("service_uri: /a\nmembers: [a]\nprofile: {markers: " + "[" * 40 + "]" * 40 + "}\n")
    assert line.endswith("nested deeper than 32 levels: a pool file needs four")


def test_complex_keys_are_refused(mistakes: Mistakes) -> None:
    expected = ["pool.yaml:3:1: a key must be a word, not a list; perhaps '{' or '[' needs quotes"]
    assert expected == mistakes("service_uri: /a\nmembers: [a]\n[a]: 1\n")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "pool.yaml: empty: the shortest useful file has service_uri: /… and members: [address]"),
        (
            b"# only a comment\n",
            "pool.yaml: empty: the shortest useful file has service_uri: /… and members: [address]",
        ),
        (b"\xef\xbb\xbf", "pool.yaml: empty: the shortest useful file has service_uri: /… and members: [address]"),
        ("service_uri: /a".encode("utf-16"), "pool.yaml: saved as UTF-16 or UTF-32: save it as UTF-8"),
        ("service_uri: /a".encode("utf-32"), "pool.yaml: saved as UTF-16 or UTF-32: save it as UTF-8"),
        (b"a: 1\nb: \xfc\n", "pool.yaml:2:4: byte 0xfc is not UTF-8: save the file as UTF-8"),
        (b"a: 1\nb: x\0y\n", r"pool.yaml:2:5: the character '\x00' does not belong in a text file: delete it"),
        (b"a: \x1b[2J\n", r"pool.yaml:1:4: the character '\x1b' does not belong in a text file: delete it"),
        (b"a: \xe2\x80", "pool.yaml:1:4: byte 0xe2 is not UTF-8: save the file as UTF-8"),
        (b"\x80", "pool.yaml:1:1: byte 0x80 is not UTF-8: save the file as UTF-8"),
    ],
)
def test_bytes_that_are_no_text(mistakes: Mistakes, data: bytes, expected: str) -> None:
    assert [expected] == mistakes(data)


def test_a_windows_mark_and_windows_line_ends_are_fine(load: Callable[..., object], mistakes: Mistakes) -> None:
    assert load("\ufeffservice_uri: /a\r\nmembers: [192.0.2.1]\r\n")
    expected = ["pool.yaml:2:10: members: the list is empty: write at least one member"]
    assert expected == mistakes(b"\xef\xbb\xbfservice_uri: /a\r\nmembers: []\r\n")


@pytest.mark.parametrize(
    "text", ['pool: "\\UFFFFFFFF"', "%YAML 1." + "9" * 5000 + "\n---\na: 1", 'pool: "\\ud800"', "%TAG ! x\n--- !a b"]
)
def test_what_overflows_inside_the_parser_is_a_mistake(mistakes: Mistakes, text: str) -> None:
    assert mistakes(text)
