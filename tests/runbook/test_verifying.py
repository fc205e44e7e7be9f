"""The commands of a runbook's section "Verify", and the list to escalate with, as a problem has them."""

from __future__ import annotations

from icapdiag.model import Observation, unflatten
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.runbook.prose import items, verifications

VERIFY = """
From this host,
and from another:

```sh
nc -vz {host} {port}
echo done
```

On the server:

```sh
ss -ltn
```

Nothing to run here.
"""


def test_each_block_of_commands_has_the_text_before_it() -> None:
    assert [
        ("From this host, and from another:", "nc -vz {host} {port}\necho done"),
        ("On the server:", "ss -ltn"),
        ("Nothing to run here.", ""),
    ] == verifications(VERIFY)


def test_a_list_has_its_items() -> None:
    assert ["One, over two lines.", "Two."] == list(items("- One,\n  over two lines.\n- Two.\n"))


def refused(*, tls: bool) -> Observation:
    return unflatten(
        {"source": "probe", "probe": "clean", "status": "failed", "reason": "icap-status", "icap_status": 500,
         "verdict": "error", "member": "a", "host": "10.0.0.9", "port": 1344, "tls": tls}
    )  # fmt: skip


def test_a_problem_has_them_with_placeholders_for_what_is_redacted() -> None:
    library: Library = load_runbooks()
    for tls in (False, True):
        (problem, *_) = match(library, [refused(tls=tls)]).problems
        commands = "\n".join(each.commands for each in problem.verify or ())
        assert "server-error" == problem.finding
        assert "{host}" in commands
        assert "10.0.0.9" not in commands
        assert tls == ("c-icap-client -tls" in commands)
        assert list(items(library.by_id("server-error").sections["Escalate with"])) == list(problem.escalate or ())
