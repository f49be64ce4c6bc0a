"""Cost of an audit: measured once each, and its tables."""

from benchmarks import pixels
from benchmarks.sections.audit_cost import (
    AuditSlowdown,
    audit_cost_table,
    measure_audit_costs,
    slowdown_table,
)
from benchmarks.sections.script_cost import ScriptCost, script_cost_table
from ddpg.isolation import audit


def test_costs_are_ratios_to_a_bare_update():
    costs = measure_audit_costs(1)
    assert [row[0] for row in audit_cost_table(costs).rows] == [cost.name for cost in costs]
    assert costs[0].bare_updates == 1.0
    assert all(cost.milliseconds > 0 for cost in costs)


def test_the_table_of_slowdowns_has_one_row_per_clock():
    slowdown = AuditSlowdown("wall", 1.234, (1.0, 1.01, 1.02), 1.011)
    assert slowdown_table([slowdown]).rows == [["wall", "1.23", "1.0110", "1.0000 1.0100 1.0200"]]


def test_the_pixel_agent_keeps_its_contract_and_is_timed():
    agent = pixels.PixelAgent(hidden=8, batch=2, pixels=20)
    audit(agent.contract(), {"update": agent.update}).assert_kept()
    assert [cost.name for cost in pixels.measure(1, hidden=8, batch=2, pixels=20)] == [
        "bare update",
        "full, one round",
        "full, two rounds (default)",
    ]


def test_the_table_of_scripts_has_one_row_per_size():
    cost = ScriptCost(64, 32, plain=1.0, before=1.1, watched=4.4, after=1.2, ratio=3.83)
    row = ["[64, 64], batch 32", "1.00", "1.10", "4.40", "1.20", "3.8"]
    assert script_cost_table([cost]).rows == [row]
