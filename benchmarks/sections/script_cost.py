"""Cost of the command `run`: cycles of a training script before, under and after the watch."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.report.tables import MeasuredTable

SCRIPT = Path(__file__).parents[1] / "subjects" / "td3_script.py"
SIZES = ((64, 64), (256, 256))
"""Hidden units and batch size of each row."""
_CYCLES, _FIRST, _WATCHED = 120, 41, 20
"""Cycles of the script, the one in which the watch begins, and number of watched ones."""


@dataclass(frozen=True)
class ScriptCost:
    """Processor time of cycles of one size, in milliseconds: medians over repetitions."""

    hidden: int
    batch: int
    plain: float
    """Of the script without the audit."""
    before: float
    watched: float
    after: float
    ratio: float
    """Of watched cycles to those before and after, in the same process."""


def measure_script_costs(repetitions: int) -> list[ScriptCost]:
    """Run the script with and without the audit, in turns."""
    return [_measure(hidden, batch, repetitions) for hidden, batch in SIZES]


def _measure(hidden: int, batch: int, repetitions: int) -> ScriptCost:
    plain: list[float] = []
    parts: list[tuple[float, float, float]] = []
    ratios: list[float] = []
    # Two optimizers step in each cycle, the critics' first.
    watch = ["--after", str(2 * _FIRST - 1), "--cycles", str(_WATCHED), "--continue"]
    for _ in range(repetitions):
        plain.append(median(_times([], hidden, batch)[10:]))
        times = _times(["-m", "ddpg.isolation", "run", *watch], hidden, batch)
        # The watch begins and ends within a cycle.
        end = _FIRST + _WATCHED
        bare = times[10 : _FIRST - 1], times[end + 1 :]
        watched = times[_FIRST : end - 1]
        parts.append((median(bare[0]), median(watched), median(bare[1])))
        ratios.append(median(watched) / median([*bare[0], *bare[1]]))
    before, during, after = (1e3 * median(part) for part in zip(*parts, strict=True))
    return ScriptCost(hidden, batch, 1e3 * median(plain), before, during, after, median(ratios))


def _times(prefix: list[str], hidden: int, batch: int) -> list[float]:
    """Return the seconds of each cycle."""
    sizes = ["--hidden", str(hidden), "--batch", str(batch), "--cycles", str(_CYCLES)]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "times.json"
        command = [sys.executable, *prefix, str(SCRIPT), str(output), *sizes]
        subprocess.run(command, check=True, capture_output=True)
        return json.loads(output.read_text(encoding="utf-8"))


def script_cost_table(costs: Sequence[ScriptCost]) -> MeasuredTable:
    """Return one row per size."""
    rows = [
        [
            f"[{each.hidden}, {each.hidden}], batch {each.batch}",
            *(f"{ms:.2f}" for ms in (each.plain, each.before, each.watched, each.after)),
            f"{each.ratio:.1f}",
        ]
        for each in costs
    ]
    columns = ["networks", "without the audit", "before", "watched", "after", "watched : bare"]
    title = "Milliseconds of processor time per cycle of a TD3 script under the command `run`"
    return MeasuredTable("audit-script", title, columns, rows)
