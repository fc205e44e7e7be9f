"""``icapdiag init``: the pool file that it writes is read by `check`; the examples do what they are for."""

from __future__ import annotations

import json
import os
import pty
import re
from pathlib import Path

import pytest

from icapdiag.pool import load_pool
from tests.cli.run import PROGRAM, ROOT, environment, icapdiag
from tests.lint.right import export, put, server


def test_a_pool_file_with_a_comment_for_what_else_it_takes(tmp_path: Path) -> None:
    servers = ("10.0.0.1", "icap2.example.com:11344", "[2001:db8::1]:1344", "2001:db8::2")
    status, out, err = icapdiag("init", *servers, "--pool", "no", "--service-uri", "/OMSScanReq-AV", cwd=tmp_path)
    assert (0, "Wrote pool.yaml. Next: icapdiag check pool.yaml\n", "") == (status, out, err)
    pool = load_pool(tmp_path / "pool.yaml")
    assert ("no", "/OMSScanReq-AV") == (pool.name, pool.profile.service_uri)
    assert [
        ("10.0.0.1", 1344),
        ("icap2.example.com", 11344),
        ("2001:db8::1", 1344),
        ("2001:db8::2", 1344),
    ] == [(member.host, member.port) for member in pool.members]
    assert frozenset({"service_uri"}) == pool.stated
    text = (tmp_path / "pool.yaml").read_text("utf-8")
    assert [] == [
        key for key in ("vendor", "preview_size", "fail_action", "samples", "tls") if f"# {key}: " not in text
    ]


def test_what_is_commented_out_is_right_once_it_is_not(tmp_path: Path) -> None:
    icapdiag("init", "10.0.0.1", cwd=tmp_path)
    file = tmp_path / "pool.yaml"
    file.write_text(re.sub(r"^( *)# (\w+: )", r"\1\2", file.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    (tmp_path / "ca.pem").write_text("", "utf-8")
    pool = load_pool(file)
    assert ("ICAP_VENDOR_OPSWAT", 5000, ("clean", "eicar")) == (
        pool.profile.vendor,
        pool.profile.preview_size,
        pool.samples,
    )


def test_every_mistake_is_said_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    status, out, err = icapdiag("init", "a b", "x:99999", "--service-uri", "avscan", cwd=tmp_path)
    assert (2, "", 3) == (status, out, len(err.splitlines()))
    assert [] == [*tmp_path.iterdir()]


def test_no_file_is_replaced_unless_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text("mine", "utf-8")
    status, _, err = icapdiag("init", "10.0.0.1", cwd=tmp_path)
    assert (2, "mine") == (status, (tmp_path / "pool.yaml").read_text("utf-8"))
    assert "--force" in err
    assert 0 == icapdiag("init", "10.0.0.1", "--force", cwd=tmp_path)[0]
    assert "10.0.0.1" in (tmp_path / "pool.yaml").read_text("utf-8")


def test_without_a_terminal_there_is_nobody_to_ask(tmp_path: Path) -> None:
    assert (2, "", "icapdiag: no servers given: icapdiag init HOST[:PORT]...\n") == icapdiag("init", cwd=tmp_path)


def test_it_asks(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        os.execve(PROGRAM[0], [*PROGRAM, "init"], environment())  # noqa: S606
    os.write(terminal, b"10.0.0.1, 10.0.0.2\n/scan\n\n")
    said = b""
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
    except OSError:  # EIO: it has ended
        pass
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said
    pool = load_pool(tmp_path / "pool.yaml")
    assert (["10.0.0.1", "10.0.0.2"], "/scan") == ([each.host for each in pool.members], pool.profile.service_uri)


def test_the_examples_fit_each_other(tmp_path: Path) -> None:
    status, _, err = icapdiag("init", "--examples", "examples", cwd=tmp_path)
    assert (0, 3) == (status, len(err.splitlines()))
    written = load_pool(tmp_path / "examples" / "pool.yaml")
    exported = load_pool(tmp_path / "examples" / "avi-export.json")
    assert [each.host for each in written.members] == [each.host for each in exported.members]
    assert written.profile.service_uri == exported.profile.service_uri
    status, out, _ = icapdiag("explain", "examples/avi-log.json", "-o", "json", cwd=tmp_path)
    report = json.loads(out)
    assert (1, "server-error", ["192.0.2.12:1344"]) == (
        status,
        report["findings"][0]["id"],
        report["findings"][0]["members"],
    )
    assert 2 == icapdiag("init", "--examples", "examples", cwd=tmp_path)[0]  # they exist


@pytest.mark.parametrize("name", ["pool.yaml", "avi-log.json", "avi-export.json"])
def test_the_examples_are_in_the_package(name: str) -> None:
    assert (ROOT / "icapdiag" / "examples" / name).is_file()


def test_a_pool_file_of_an_export_says_what_is_assumed(tmp_path: Path) -> None:
    made = export(
        put("VirtualService", name="shop"),
        put(
            "Pool",
            ssl_profile_ref="/api/sslprofile?name=s",
            pki_profile_ref="/api/pkiprofile?name=ca",
            default_server_port=None,
            servers=[server("192.0.2.1"), server("2001:db8::1", port=11344), server("192.0.2.3", enabled=False)],
        ),
        put("IcapProfile", fail_action=None, preview_size=1000),
    )
    made["PKIProfile"] = [{"name": "ca", "ca_certs": [{"certificate": "PEM"}]}]
    (tmp_path / "export.json").write_text(json.dumps(made), "utf-8")
    status, out, err = icapdiag("init", "--from", "export.json", "--virtual-service", "shop", cwd=tmp_path)
    assert (0, "Wrote pool.yaml. Next: icapdiag check pool.yaml\n") == (status, out)
    assert "wrote pool-ca.pem" in err
    text = (tmp_path / "pool.yaml").read_text("utf-8")
    for line in (
        "# Made of export.json, virtual service shop, by icapdiag init.",
        "  fail_action: ICAP_FAIL_OPEN  # Avi's default",
        "  preview_size: 1000  # bytes",
        "  # 192.0.2.1:80: port 80 is Avi's default where a pool sets none; ICAP servers usually listen on 1344",
        "  # 192.0.2.3:80: not in use: the server or its pool is disabled, or its ratio in the pool group is 0",
    ):
        assert line in text.splitlines()
    assert "SNI" in text
    theirs = load_pool(tmp_path / "export.json")
    ours = load_pool(tmp_path / "pool.yaml")
    assert [(each.host, each.port, each.enabled) for each in theirs.members] == [
        (each.host, each.port, each.enabled) for each in ours.members
    ]
    unlike = {"pool_group_ref", "cloud_ref", "tenant_ref", "default_port"}
    assert {name: getattr(theirs.profile, name) for name in theirs.profile.__struct_fields__ if name not in unlike} == {
        name: getattr(ours.profile, name) for name in ours.profile.__struct_fields__ if name not in unlike
    }
    assert theirs.name == ours.name
    assert "fail_action" in ours.stated


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--virtual-service", "shop"), "needs --from EXPORT"),
        (("--from", "export.json", "10.0.0.1"), "takes servers and names from the export"),
        (("--from", "export.json", "--virtual-service", "x"), "no virtual service 'x' in this file: there is 'app-vs'"),
        (("--from", "none.json"), "no such file"),
    ],
)
def test_what_can_not_be_made_of_an_export(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text(json.dumps(export()), "utf-8")
    status, _, err = icapdiag("init", *arguments, cwd=tmp_path)
    assert (2, True) == (status, said in err)
    assert not (tmp_path / "pool.yaml").exists()
