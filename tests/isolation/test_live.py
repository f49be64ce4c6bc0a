"""A live watch writes its charts every n-th update and leaves the training unchanged."""

import pytest
import torch

from ddpg.isolation import Contract, ContractError, LiveWatch, audit, trains, watch
from ddpg.isolation.observe.ledger import same_bits
from tests.isolation.agents import ActorCritic


class Writer:
    def __init__(self) -> None:
        self.points: dict[str, list[tuple[int, float]]] = {}

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> None:
        self.points.setdefault(tag, []).append((global_step, scalar_value))


def test_charts_and_an_untouched_training() -> None:
    watched, bare, writer = ActorCritic(), ActorCritic(), Writer()
    live = LiveWatch(watched.contract(), writer, every=2)
    for step in range(0, 50, 10):
        with live.update("critic_update", step):
            watched.critic_update()
        with live.update("actor_update", step):
            watched.actor_update()
        bare.critic_update()
        bare.actor_update()

    assert all(map(same_bits, watched.actor.parameters(), bare.actor.parameters()))
    assert all(map(same_bits, watched.critic.parameters(), bare.critic.parameters()))
    points = writer.points
    for cell, grade in (
        ("critic_update/critic", 3),
        ("actor_update/critic", 2),
        ("critic_update/actor", 0),
    ):
        steps, grades = zip(*points[f"separation/{cell}/grade"], strict=True)
        # The first run, and one in each window of two.
        assert steps[0] == 0
        assert {step // 20 for step in steps} >= {0, 1}
        assert len(steps) < 5
        assert set(grades) == {grade}
    assert all(value > 0 for _, value in points["separation/critic_update/critic/movement"])
    assert all(value > 0 for _, value in points["separation/actor_update/critic/gradient_norm"])
    assert "separation/critic_update/actor/gradient_norm" not in points
    assert live.report is not None
    assert live.report.kept


def test_tensorboard_takes_the_points(tmp_path: object) -> None:
    from torch.utils.tensorboard import SummaryWriter

    agent = ActorCritic()
    with SummaryWriter(str(tmp_path)) as writer:
        live = LiveWatch(agent.contract(), writer)
        with live.update("acting"):
            agent.act()
    assert live.report is not None


def test_an_exception_leaves_the_watch_usable() -> None:
    agent, writer = ActorCritic(), Writer()
    live = LiveWatch(agent.contract(), writer, every=1)
    with pytest.raises(KeyError), live.update("acting"):
        raise KeyError
    assert not writer.points
    with live.update("acting"):
        agent.act()
    assert writer.points["separation/acting/actor/grade"] == [(1, 0)]
    assert not torch.is_anomaly_enabled()


def test_every_has_to_be_positive() -> None:
    with pytest.raises(ContractError, match="every: 0 is not allowed; allowed: a whole number ≥ 1"):
        LiveWatch(ActorCritic().contract(), Writer(), every=0)


def test_findings_have_paths_or_the_reason() -> None:
    module, optimized = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(optimized.parameters(), lr=0.1)
    contract = Contract(
        modules={"module": module, "optimized": optimized},
        optimizers={"optimized": optimizer},
        updates={"update": trains("optimized")},
    )

    def update() -> None:
        optimizer.zero_grad()
        optimized(module(torch.ones(3, 2))).sum().backward()
        optimizer.step()

    with watch(contract) as watching, watching.update("update"):
        update()
    live = LiveWatch(contract, Writer())
    with live.update("update"):
        update()
    assert live.report is not None
    for report in (watching.report, live.report):
        (finding,) = report.findings
        assert finding.path is not None
        assert "optimized(module(torch.ones(3, 2))).sum().backward()" in finding.path.entry
    (finding,) = audit(contract, update, level="light").findings
    assert finding.no_path == "level='light' searches for none"
    (finding,) = audit(contract, update).findings
    assert finding.path is not None
    assert not finding.no_path
