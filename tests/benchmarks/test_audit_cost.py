"""The cost of an audit, measured in little."""

from benchmarks.audit_cost import Slowdown, audit_cost_table, audit_costs, slowdown_table


def test_costs_are_told_in_bare_updates():
    costs = audit_costs(1)
    assert [row[0] for row in audit_cost_table(costs).rows] == [cost.name for cost in costs]
    assert costs[0].bare_updates == 1.0
    assert all(cost.milliseconds > 0 for cost in costs)


def test_the_slowdowns_table_has_a_row_a_clock():
    slowdown = Slowdown("wall", 1.234, (1.0, 1.01, 1.02), 1.011)
    assert slowdown_table([slowdown]).rows == [["wall", "1.23", "1.0110", "1.0000 1.0100 1.0200"]]
