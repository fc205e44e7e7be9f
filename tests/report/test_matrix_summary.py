"""A report on thousands of members: the sick are seen, the healthy counted, and nothing takes long."""

from __future__ import annotations

from icapdiag.model import JSONValue
from icapdiag.report.build import ProbedMember
from icapdiag.vocabulary import Status
from tests.report.documents import table as render
from tests.report.samples import member, observation, report


def healthy(number: int, ms: float = 0.4) -> ProbedMember:
    host = f"10.1.{number // 250}.{number % 250}"
    return member(
        host,
        observation("tcp", address=host, rtt_ms=0.1),
        observation("clean", address=host, verdict="allowed", answer_ms=ms),
    )


def dead(number: int) -> ProbedMember:
    host = f"10.2.0.{number}"
    return member(
        host,
        observation("tcp", Status.FAILED, "timeout", address=host, elapsed_ms=5000.0),
        observation("clean", Status.BLOCKED, "tcp", address=host),
    )


def matrix(members: list[ProbedMember], width: int = 100, *, detail: int = 0) -> list[str]:
    lines = render(report(members, ()), width, detail=detail).split("\n\n")[1].splitlines()
    assert all(len(line) <= width for line in lines)
    return lines


def test_the_sick_come_first_and_those_that_went_alike_are_counted() -> None:
    crowd = [*(healthy(number) for number in range(1, 2500)), healthy(2500, 31.0), *(dead(n) for n in range(1, 255))]

    drawn = [" ".join(line.split()) for line in matrix(crowd)]
    assert [
        "member tcp clean verdict",
        *(f"10.2.0.{n}:1344 FAILED timeout not run unknown" for n in range(1, 5)),
        "+ 250 identical FAILED timeout not run unknown",
        *(f"10.1.0.{n}:1344 ok allowed ok" for n in range(1, 5)),
        "+ 2,496 identical ok allowed ok",
    ] == drawn
    drawn = [" ".join(line.split()) for line in matrix(crowd, detail=1)]
    assert [
        "member tcp clean verdict",
        *(f"10.2.0.{n}:1344 FAILED timeout not run (tcp failed) unknown" for n in range(1, 5)),
        "+ 250 identical FAILED timeout not run unknown",
        *(f"10.1.0.{n}:1344 ok 0.1 ms allowed 0.4 ms ok" for n in range(1, 5)),
        "+ 2,496 identical ok up to 0.1 ms allowed up to 31 ms ok",
    ] == drawn
    assert 1 + len(crowd) == len(matrix(crowd, detail=2))


def test_a_handful_is_shown_whole() -> None:
    assert 1 + 24 == len(matrix([healthy(number) for number in range(24)]))


def test_nobody_stands_for_one_alone() -> None:
    crowd = [*(healthy(number) for number in range(100)), *(dead(number) for number in range(5))]

    assert 5 == sum("10.2.0." in line for line in matrix(crowd))
    assert [96] == [int(line.split()[1]) for line in matrix(crowd) if "identical" in line]


def test_a_narrow_terminal_gets_as_few_lines() -> None:
    lines = matrix([dead(number) for number in range(200)], 60)

    assert len(lines) < 40
    assert "+ 196 identical" in "\n".join(lines)


def test_members_that_each_go_their_own_way_do_not_fill_the_screen() -> None:
    def odd(number: int) -> ProbedMember:
        host = f"10.3.0.{number}"
        return member(
            host, observation("options", Status.FAILED, "icap-status", icap_status=400 + number, address=host)
        )

    lines = matrix([odd(number) for number in range(100)])

    assert 1 + 16 + 1 == len(lines)
    assert "+ 84 more: 84 unknown" == lines[-1]


def test_the_rounds_of_a_crowd_are_those_with_loss_and_then_the_slowest() -> None:
    def repeated(number: int) -> ProbedMember:
        record: dict[str, JSONValue] = {"step": "tcp", "sent": 4, "lost": 1 if number == 77 else 0}
        record |= {"loss_percent": 25.0 if number == 77 else 0.0, "min_ms": 0.1, "avg_ms": 0.2, "max_ms": 0.4}
        return member(f"10.4.0.{number}", observation("repeat", samples=[record | {"p95_ms": number / 10}]))

    crowd = report([repeated(number) for number in range(200)], ())
    assert "and 25 more rows: -v\n" in render(crowd, 100)
    text = render(crowd, 100, detail=1)
    rounds = next(block for block in text.split("\n\n") if block.startswith("Rounds")).splitlines()

    assert ["10.4.0.77:1344", "10.4.0.199:1344", "10.4.0.198:1344"] == [line.split()[0] for line in rounds[3:6]]
    assert 1 + 2 + 40 + 1 == len(rounds)
    assert "of 200" in rounds[-1]


def test_one_member_answers_and_several_answer() -> None:
    def first_line(number: int) -> str:
        asked = [member(f"10.1.0.{each}", observation("options", address=f"10.1.0.{each}")) for each in range(number)]
        return render(report(asked, ())).splitlines()[0].partition(": ")[2]

    assert "the member answers; uploads and detection not tested" == first_line(1)
    assert "both members answer; uploads and detection not tested" == first_line(2)
