"""What an update costs is measured, written and read back."""

import math

import pytest

from ddpg.comparison.report.cost import measure_cost, read_cost
from ddpg.errors import ConfigError
from tests.comparison.report.written_runs import write_run


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """Of a control and a stop that cuts, each in its own run, over few repeats."""
    folder = tmp_path_factory.mktemp("comparison")
    for stop in ("none", "no_grad"):
        write_run(folder, stop, stop=stop, hidden=(32, 32), env="ddpg-tests/Truncates-v0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ddpg.comparison.report.cost._SECONDS", 0.0)
        assert measure_cost(folder) == folder / "cost.csv"
    return read_cost(folder)


def test_each_update_of_each_agent_is_measured_as_often(costs):
    found = {}
    for cost in costs:
        found.setdefault((cost.subject.stop, cost.update), []).append(cost.repeat)
    assert found == {
        (stop, update): [0, 1, 2, 3, 4]
        for stop in ("none", "no_grad")
        for update in ("critic_update", "actor_update")
    }
    assert all(cost.milliseconds > 0 and math.isfinite(cost.milliseconds) for cost in costs)


def test_what_is_cut_off_is_not_saved_and_costs_no_memory(costs):
    def largest(stop, update, figure):
        return max(
            getattr(c, figure) for c in costs if (c.subject.stop, c.update) == (stop, update)
        )

    for figure in ("saved_tensors", "saved_bytes", "peak_bytes"):
        control = largest("none", "critic_update", figure)
        assert 0 < largest("no_grad", "critic_update", figure) < control, figure
        # The other update has the same stop in both.
        same = largest("none", "actor_update", figure)
        assert largest("no_grad", "actor_update", figure) == same > 0


def test_what_was_never_measured_or_is_not_a_measurement(tmp_path):
    assert read_cost(tmp_path) == []
    (tmp_path / "cost.csv").write_text("env,stop\nPendulum-v1,none\n")
    with pytest.raises(ConfigError, match=r"cost.csv is not as it was written: 'bootstrap_actor'"):
        read_cost(tmp_path)
