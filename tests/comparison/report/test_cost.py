"""Measuring, writing and reading the cost of an update."""

import math

import pytest

from ddpg.comparison.report.cost import measure_cost, read_cost
from ddpg.errors import ConfigError
from tests.comparison.report.written_runs import write_run


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """Samples of the control and of a stop that cuts the graph, with few repeats."""
    folder = tmp_path_factory.mktemp("comparison")
    for stop in ("none", "no_grad"):
        write_run(folder, stop, stop=stop, hidden=(32, 32), env="ddpg-tests/Truncates-v0")
    shares = []
    assert measure_cost(folder, seconds=0, report=shares.append) == folder / "cost.csv"
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])
    return read_cost(folder)


def test_each_update_of_each_agent_is_measured_equally_often(costs):
    repeats = {}
    for cost in costs:
        repeats.setdefault((cost.settings.stop, cost.update), []).append(cost.repeat)
    assert repeats == {
        (stop, update): [0, 1, 2, 3, 4]
        for stop in ("none", "no_grad")
        for update in ("critic_update", "actor_update")
    }
    assert all(cost.milliseconds > 0 and math.isfinite(cost.milliseconds) for cost in costs)


def test_a_cut_graph_saves_fewer_tensors_and_less_memory(costs):
    def largest(stop, update, field):
        return max(
            getattr(c, field) for c in costs if (c.settings.stop, c.update) == (stop, update)
        )

    for field in ("saved_tensors", "saved_bytes", "peak_bytes"):
        control = largest("none", "critic_update", field)
        assert 0 < largest("no_grad", "critic_update", field) < control, field
        # The actor update has the same stop in both runs.
        same = largest("none", "actor_update", field)
        assert largest("no_grad", "actor_update", field) == same > 0


def test_a_missing_file_is_empty_and_a_wrong_one_is_refused(tmp_path):
    assert read_cost(tmp_path) == []
    (tmp_path / "cost.csv").write_text("env,stop\nPendulum-v1,none\n")
    with pytest.raises(ConfigError, match=r"cannot read .*cost.csv: it has no column 'bootstrap"):
        read_cost(tmp_path)
