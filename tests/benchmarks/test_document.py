"""Tables in a document: each replaces the old one in its place."""

import json
from pathlib import Path
from typing import Any

from benchmarks.report.document import fill_document, has_places
from benchmarks.report.tables import MeasuredTable, spread
from benchmarks.sections.audit_cost import (
    AuditCost,
    AuditSlowdown,
    audit_cost_table,
    slowdown_table,
)
from benchmarks.sections.breakdown import Breakdown, breakdown_table
from benchmarks.sections.scaling import ScalingPoint, scaling_table
from benchmarks.sections.script_cost import ScriptCost, script_cost_table
from benchmarks.sections.solve import SolveRun, solve_table
from benchmarks.sections.speed import SubjectSpeeds, limit_table, speed_table
from benchmarks.sections.targets import targets_table
from benchmarks.timing.measurement import Measurement
from benchmarks.workload import SIZES

DOCS = Path(__file__).parents[2] / "docs"
MACHINE = {
    "command": "scripts/bench.py",
    "processor": "P",
    "cores": 2,
    "load before": 0.5,
    "versions": {"torch": "2"},
}


def test_a_table_replaces_the_old_one(tmp_path):
    document = tmp_path / "it.md"
    document.write_text(
        "# It\n\n<!-- measured one -->\nold\n<!-- end -->\n\n"
        "between\n\n<!-- measured two -->\nkept\n<!-- end -->\nend\n"
    )
    one = MeasuredTable("one", "A title", ["what", "µs"], [["a", "1"], ["b", "2"]])
    other = MeasuredTable("other", "Nowhere", ["what"], [["a"]])
    for _ in range(2):
        fill_document(document, MACHINE, [one, other])
        assert document.read_text() == (
            "# It\n\n<!-- measured one -->\n\n"
            "A title:\n\n| what | µs |\n| --- | ---: |\n| a | 1 |\n| b | 2 |\n\n"
            "*Measured by `python scripts/bench.py` on P, 2 cores, load average 0.5 before the "
            "first process; torch 2.*\n\n"
            "<!-- end -->\n\nbetween\n\n<!-- measured two -->\nkept\n<!-- end -->\nend\n"
        )


def test_spread():
    assert spread([1_000.0]) == "1,000"
    assert spread([3.0, 1.0, 2.0], 1) == "2.0 (1.0 … 3.0)"


def test_the_tables_of_the_page_are_those_of_the_stored_measurements(tmp_path):
    stored = json.loads((DOCS / "performance.json").read_text("utf-8"))
    page = tmp_path / "performance.md"
    page.write_text((DOCS / "performance.md").read_text("utf-8"), encoding="utf-8")
    assert has_places(page)
    for section, tables in stored_tables(stored).items():
        assert all(f"<!-- measured {table.name} -->" in page.read_text("utf-8") for table in tables)
        fill_document(page, stored[section]["machine"], tables)
    assert page.read_text("utf-8") == (DOCS / "performance.md").read_text("utf-8")


def stored_tables(stored: dict[str, Any]) -> dict[str, list[MeasuredTable]]:
    """Return the tables of each section of a file that `bench.py --json` wrote."""
    results = {section: content["results"] for section, content in stored.items()}
    speeds = [
        SubjectSpeeds(**{**each, "repeats": [Measurement(**repeat) for repeat in each["repeats"]]})
        for each in results["speed"]
    ]
    costs = [AuditCost(**each) for each in results["audit"] if "clock" not in each]
    slowdowns = [AuditSlowdown(**each) for each in results["audit"] if "clock" in each]
    return {
        "speed": [
            *(speed_table(size, speeds) for size in SIZES),
            limit_table(speeds),
            targets_table(speeds),
        ],
        "profile": [breakdown_table([Breakdown(**each) for each in results["profile"]])],
        "scaling": [scaling_table([ScalingPoint(**each) for each in results["scaling"]])],
        "solve": [solve_table([SolveRun(**each) for each in results["solve"]])],
        "audit": [audit_cost_table(costs), slowdown_table(slowdowns)],
        "script": [script_cost_table([ScriptCost(**each) for each in results["script"]])],
    }
