"""The claims as a table: for the lesson without timings, for `docs/claims.md` with them."""

import platform
from collections.abc import Sequence

import torch

from ddpg.tutorial.blocks import Table
from ddpg.tutorial.claims import timing
from ddpg.tutorial.claims.claim import Claim, Part, verdict_of
from ddpg.tutorial.claims.registry import CLAIMS
from ddpg.tutorial.claims.timing import Comparison

COLUMNS = ("claim", "verdict", "measured", "pinned by")
TEST_FILE = "tests/tutorial/test_claims.py"
TIMINGS = {
    "no-grad-faster": timing.no_grad_against_detach,
    "inference-faster": timing.inference_against_no_grad,
}


def untimed() -> Table:
    """Every claim, measured now, but for its timings."""
    rows = []
    for claim in CLAIMS:
        parts = claim.measure()
        verdict = "needs timings" if claim.timed else verdict_of(parts).value
        rows.append((claim.text, verdict, _measured(parts)))
    return Table(COLUMNS[:-1], tuple(rows))


def document() -> str:
    """`docs/claims.md`: every claim measured now, with timings, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        timings = {name: measure() for name, measure in TIMINGS.items()}
    finally:
        torch.set_num_threads(threads)
    rows = []
    for claim in CLAIMS:
        parts = claim.measure() + _timed_parts(timings.get(claim.name, []))
        rows.append((claim.text, verdict_of(parts).value, _measured(parts), f"`{claim.test}`"))
    sections = [_timing_section(claim, timings[claim.name]) for claim in CLAIMS if claim.timed]
    return "\n".join(
        [
            "# Claims, checked by running",
            "",
            "Made by `python scripts/tutorial.py --claims`; not written by hand. A claim is *true* "
            "if everything that follows from it held, *false* if nothing did, else *partly*. The "
            f"tests are in `{TEST_FILE}`; they pin counts and saved bytes, never times.",
            "",
            f"Measured with torch {torch.__version__}, Python {platform.python_version()}, "
            f"{platform.machine()}, CPU, one thread.",
            "",
            _markdown(Table(COLUMNS, tuple(rows))),
            *sections,
        ]
    )


def _measured(parts: list[Part]) -> str:
    said = []
    for word, holds in (("Holds", True), ("Does not hold", False)):
        named = [
            f"{part.statement} ({part.measured})" if part.measured else part.statement
            for part in parts
            if part.holds is holds
        ]
        if named:
            said.append(f"**{word}:** {'; '.join(named)}.")
    return " ".join(said)


def _timed_parts(comparisons: Sequence[Comparison]) -> list[Part]:
    """One part a kind of comparison: at how many sizes it came out faster."""
    parts = []
    for what in dict.fromkeys(each.what for each in comparisons):
        there = [each for each in comparisons if each.what == what]
        counts = [
            f"{verdict} at {sum(each.verdict == verdict for each in there)}"
            for verdict in ("faster", "slower", "can't be told")
        ]
        parts.append(
            Part(
                f"{what}: faster at more than half of {len(there)} sizes",
                2 * sum(each.verdict == "faster" for each in there) > len(there),
                ", ".join(counts),
            )
        )
    return parts


def _timing_section(claim: Claim, comparisons: Sequence[Comparison]) -> str:
    columns = (
        "what", "width", "batch", "ratio", "99 % interval", "quartiles", "same twice",
        "µs", "bytes saved", "verdict",
    )  # fmt: skip
    rows = tuple(
        (
            each.what,
            str(each.width),
            str(each.batch),
            f"{each.ratio:.3f}",
            f"{each.low:.3f} … {each.high:.3f}",
            f"{each.quartiles[0]:.3f} … {each.quartiles[1]:.3f}",
            f"±{each.noise:.3f}",
            f"{each.microseconds[0]:.0f} / {each.microseconds[1]:.0f}",
            f"{each.saved[0]:,} / {each.saved[1]:,}",
            each.verdict,
        )
        for each in comparisons
    )
    return "\n".join(
        [
            f"## {claim.text}",
            "",
            f"L1: 17 → width → width with ReLU, L2: width → 1. {timing.ROUNDS} rounds, in each "
            "all candidates in a random order; the ratio is the median over the rounds of time by "
            "time of the same round, its interval a bootstrap, its quartiles the spread. *Same "
            "twice* is how far from 1 the slower candidate's ratio to itself came out: a ratio no "
            "further from 1 can't be told, nor can one whose interval holds 1.",
            "",
            _markdown(Table(columns, rows)),
        ]
    )


def _markdown(table: Table) -> str:
    lines = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    escaped = ([cell.replace("|", "&#124;") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)
