"""How long a body c-icap's virus scanner takes: its shipped limit, and what is behind it."""

from __future__ import annotations

from tests.interop.clients import check
from tests.interop.conftest import CIcap

MAX_OBJECT_SIZE = 5 * 1024 * 1024  # bytes: c-icap's default, which the alias /avscan switches off
LADDER = ("--only", "size")


def test_the_size_from_which_nothing_is_scanned_is_found_with_eicar(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/virus_scan", "--eicar", *LADDER)

    assert ["size-limit-pass"] == list(checked.findings())
    facts = checked.facts("size")
    found, passed = facts["eicar_found_size"], facts["eicar_passed_size"]
    assert found <= MAX_OBJECT_SIZE < passed <= found * 1.01
    assert ("archive", 8 * 1024 * 1024) == (facts["eicar_form"], facts["size_passed"])


def test_it_is_found_without_eicar_too_by_what_is_not_read(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/virus_scan", *LADDER)

    assert ["size-limit-pass"] == list(checked.findings())
    facts = checked.facts("size")
    assert facts["size_read"] <= MAX_OBJECT_SIZE < facts["size_unread"]
    assert "eicar_sizes_tried" not in facts


def test_nothing_is_found_where_there_is_no_limit(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/avscan", "--eicar", *LADDER)

    assert {} == checked.findings()
    facts = checked.facts("size")
    sizes = [0, 1, 1024, 1400, 4096, 65536, 1024**2, 4 * 1024**2, 8 * 1024**2]
    assert sizes == [upload["size"] for upload in facts["sizes_tried"]]
    assert {"allowed"} == {upload["verdict"] for upload in facts["sizes_tried"]}
    assert [("blocked", 4096), ("blocked", sizes[-1])] == [
        (r["verdict"], r["size"]) for r in facts["eicar_sizes_tried"]
    ]


def test_an_echo_that_alternates_between_reading_and_not_has_no_limit(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/echo", *LADDER)

    assert {} == checked.findings()


def test_the_ladder_over_tls(cicap: CIcap) -> None:
    pool = cicap.ca_file.parent / "sizes.yaml"
    pool.write_text(
        "profile: {service_uri: /avscan}\n"
        f"tls: {{server_name: localhost, ca_file: {cicap.ca_file}}}\n"
        f"members: [{{host: 127.0.0.1, port: {cicap.tls}}}]\n"
    )
    checked = check(str(pool), "--eicar", *LADDER, "--max-size", "1M")

    assert {} == checked.findings()
    assert (1024**2, {"kernel"}) == (
        checked.facts("size")["eicar_found_size"],
        {upload["answer_clock"] for upload in checked.facts("size")["sizes_tried"]},
    )


def test_without_a_preview_it_is_eicar_that_finds_the_limit(cicap: CIcap) -> None:
    """c-icap then takes every body and sends it back while it comes, the scanned and the others alike."""
    pool = cicap.ca_file.parent / "no-preview.yaml"
    pool.write_text(
        "profile: {service_uri: /virus_scan, enable_preview: false}\n"
        f"members: [{{host: 127.0.0.1, port: {cicap.plain}}}]\n"
    )
    checked = check(str(pool), "--eicar", *LADDER)

    assert ["size-limit-pass"] == list(checked.findings())
    facts = checked.facts("size")
    assert facts["eicar_found_size"] <= MAX_OBJECT_SIZE < facts["eicar_passed_size"]
    assert {True} == {upload["read"] for upload in facts["sizes_tried"]}
