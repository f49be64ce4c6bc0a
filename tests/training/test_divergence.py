"""A value that is not finite stops the run, or drops its member."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpg import evaluate, load_policy
from ddpg.config.settings import Config
from ddpg.errors import ConfigError, DivergenceError, RunWarning
from ddpg.runs.checkpoint import Checkpoints
from ddpg.training.loop import Trainer, train

SMALL: dict[str, Any] = {
    **{"env": "ddpg-tests/Faulty-v0", "steps": 90, "members": 3, "seed": 5, "hidden": (8,)},
    **{"random_steps": 10, "log_every": 20, "evaluation_every": 30, "evaluation_episodes": 2},
    **{"checkpoint_every": 20, "separation_every": 15, "on_divergence": "drop_member"},
}
ENORMOUS = {"fault": "reward is enormous", "seed": 6}


def rows(run: Path, file: str, members: tuple[int, ...]) -> list[list[str]]:
    lines = [line.split(",") for line in (run / file).read_text().splitlines()]
    return [line for line in lines if line[1] in map(str, members)]


def test_dropping_a_member_changes_no_bit_of_the_others(tmp_path: Path) -> None:
    with pytest.warns(RunWarning, match=r"loss/critic of member 1 \(seed 6\) is inf") as warned:
        dropped = train(Config(runs=str(tmp_path), env_options=ENORMOUS, **SMALL))
    assert len(warned) == 1
    whole = train(Config(runs=str(tmp_path), **SMALL))
    for name, module in whole.agent.modules.items():
        for key, value in module.state_dict().items():
            other = dropped.agent.modules[name].state_dict()[key]
            for member in (0, 2):
                assert torch.equal(value[member], other[member]), f"{name}.{key} of {member}"
            assert not torch.equal(value[1], other[1])
    for file in ("metrics.csv", "weights.csv"):
        assert rows(whole.folder, file, (0, 2)) == rows(dropped.folder, file, (0, 2))
    # The dropped member gets no further rows.
    assert max(int(row[0]) for row in rows(dropped.folder, "metrics.csv", (1,))) <= 40
    assert dropped.returns is not None
    assert np.isnan(dropped.returns).tolist() == [False, True, False]


def test_a_dropped_member_stays_dropped_and_has_no_policy(tmp_path: Path) -> None:
    settings = {**SMALL, "runs": str(tmp_path), "name": "mine", "env_options": ENORMOUS}
    with pytest.warns(RunWarning, match="the member is dropped; the other members continue"):
        folder = train(Config(**{**settings, "steps": 60})).folder
    again = train(Config(**settings, resume=True))
    assert Checkpoints(folder / "checkpoints").load_state()["alive"] == [True, False, True]
    assert again.step == 90
    evaluation = evaluate(folder, episodes=1)
    assert [member.seed for member in evaluation.members] == [5, 7]
    assert evaluation.mean == np.mean([member.mean for member in evaluation.members])
    with pytest.raises(ConfigError, match="member: 1 is not allowed, since it diverged"):
        load_policy(folder, member=1)


def test_a_run_without_members_stops(tmp_path: Path) -> None:
    every = {**ENORMOUS, "seed": -1}
    with (
        pytest.warns(RunWarning),
        pytest.raises(DivergenceError, match="and every other member was dropped"),
    ):
        train(Config(runs=str(tmp_path), env_options=every, **SMALL))


@pytest.mark.parametrize(("network", "term"), [("critic", "critic"), ("actor", "actor")])
def test_a_gradient_that_is_not_finite_is_named_at_its_step(
    tmp_path: Path, network: str, term: str
) -> None:
    """The loss of that update is finite, so the gradient is the first such value."""
    settings = {**SMALL, "on_divergence": "stop", "checkpoint_every": 0, "log_every": 90}
    # An audit calls the hook too, in its dry run.
    settings["separation_every"] = 0
    trainer = Trainer(Config(**settings, runs=str(tmp_path)), lambda _: None)
    updates = 0

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        nonlocal updates
        updates += 1
        return gradient * torch.inf if updates == 12 else gradient

    module = trainer.agent.modules[network]
    next(module.parameters()).register_hook(spoil)
    with pytest.raises(DivergenceError) as error:
        trainer.run()
    trainer.close()
    assert f"gradient/{term} of member 0 (seed 5) is " in str(error.value)
    assert "the last checkpoint is of step 0" in str(error.value)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    settings = {**SMALL, "on_divergence": "stop", "checkpoint_every": 20}
    trainer = Trainer(Config(**settings, runs=str(tmp_path)), lambda _: None)
    trainer.begin()
    trainer.advance(30)
    with torch.no_grad():
        next(trainer.agent.critic_target.parameters())[2, 0, 0] = torch.nan
    trainer.state.step = 40
    with pytest.raises(
        DivergenceError, match=r"weight critic_target\.hidden\.0\.weight of member 2"
    ):
        trainer.save()
    assert trainer.checkpoints.latest_step() == 20
    trainer.close()
