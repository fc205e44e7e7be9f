"""Samples of logs as a guide prints them: a page, and each sample in a file; ours, and the Avi guide's where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Guide:
    """Where the samples are, and what stands in them.

    Latencies are in ms. The second sample lacks its last brace: ``cut`` and ``page_cut`` are the lines on which that
    is noticed, in its own file and on the page.
    """

    folder: Path
    pool: str
    member: str
    service: str
    threat: str
    latencies: tuple[int, int, int]  # infected, passed, no security rule
    cut: int
    page_cut: int

    @property
    def page(self) -> Path:
        """The page with all samples on it."""
        return self.folder / "guide.txt"

    @property
    def samples(self) -> list[Path]:
        """Infected, passed, ICAP disabled, no security rule."""
        return sorted(self.folder.glob("[1-4]-*.txt"))


_OURS = Guide(
    folder=Path(__file__).parents[1] / "data" / "avi-page",
    pool="uploads-pg",
    member="10.20.0.15:11344",
    service="/scan",
    threat="Sample-Threat (made up)",
    latencies=(812, 33, 5),
    cut=11,
    page_cut=44,
)
_AVI = Guide(
    folder=Path(__file__).parents[3] / "shared" / "evidence" / "avi-guide",
    pool="ICAP-POOL-GROUP",
    member="100.64.3.15:1344",
    service="/OMSScanReq-AV",
    threat="EICAR-Test-File (not a virus)",
    latencies=(1275, 456, 17),
    cut=14,
    page_cut=51,
)
GUIDES = [guide for guide in (_OURS, _AVI) if guide.folder.is_dir()]
