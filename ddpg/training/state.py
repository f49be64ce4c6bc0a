"""What a checkpoint holds of a training, and how a training takes it up again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ddpg.agent import Metrics
from ddpg.errors import StateError
from ddpg.runs.state_check import (
    COUNT,
    TensorPattern,
    names_checkpoint,
    require_finite,
    require_like,
    require_members,
)

if TYPE_CHECKING:
    from ddpg.training.loop import Trainer


def made_of(trainer: "Trainer") -> dict[str, Any]:
    """What a checkpoint must agree in with the training that takes it up."""
    config = trainer.config
    return {
        "env": config.env,
        "env_options": config.env_options,
        "seed": config.seed,
        "members": config.members,
        "observation_dim": trainer.environments.observation_dim,
        "action_dim": trainer.environments.action_dim,
        "hidden": config.hidden,
        "action_layer": config.action_layer,
        "replay_capacity": config.replay_capacity,
    }


def state_of(trainer: "Trainer") -> dict[str, Any]:
    """Everything that changes from step to step, but for the replay buffer."""
    return {
        "step": trainer.step,
        "updates": trainer.updates,
        "agent": trainer.agent.state_dict(),
        "streams": trainer.streams.state_dict(),
        "noise": trainer.noise.state_dict(),
        "environments": trainer.environments.state_dict(),
        "episode_return": trainer.episode_return.tolist(),
        "episode_length": trainer.episode_length.tolist(),
        "window": trainer.window.state_dict(),
        "alive": trainer.watch.alive.tolist(),
        "returns": None if trainer.returns is None else trainer.returns.tolist(),
        "verdict": trainer.verdict,
    }


def take_up(trainer: "Trainer", state: dict[str, Any], file: Path) -> list[int]:
    """Have `trainer` go on from what `state_of` returned.

    Args:
        trainer: a training that has just been made.
        state: what was read.
        file: where it was read, for the message.

    Returns:
        The members whose environment did not come back equal: their episodes begin anew.

    Raises:
        CheckpointError: the state is not one of such a training.
    """
    with names_checkpoint(file):
        _require(trainer, state)
        begun_anew = _set(trainer, state)
    trainer.episode_return[begun_anew] = 0
    trainer.episode_length[begun_anew] = 0
    trainer.noise.reset(np.isin(np.arange(trainer.config.members), begun_anew))
    return begun_anew


def _require(trainer: "Trainer", state: dict[str, Any]) -> None:
    """Raise a StateError for a state that is not one of such a training."""
    members = trainer.config.members
    pattern = {
        "step": COUNT,
        "updates": COUNT,
        "agent": trainer.agent.state_dict(),
        "streams": trainer.streams.state_dict(),
        "noise": trainer.noise.state_dict(),
        "environments": {dict},
        "episode_return": [0.0] * members,
        "episode_length": [0.0] * members,
        "window": TensorPattern((len(Metrics._fields), None, members)),
        "alive": {list},
        "returns": {list, type(None)},
        "verdict": "",
    }
    require_like(state, pattern)
    require_members(state["alive"], members)
    if state["returns"] is not None:
        require_like(state["returns"], [0.0] * members, "returns")
    updates, most = state["window"].shape[1], state["step"] % trainer.config.log_every
    if updates > most:
        raise StateError(f"window holds {updates} updates; allowed: up to {most}")
    for part in ("agent", "noise"):
        require_finite(state[part], state["alive"], part)


def _set(trainer: "Trainer", state: dict[str, Any]) -> list[int]:
    """Returns the members whose environment did not come back equal."""
    trainer.step = state["step"]
    trainer.updates = state["updates"]
    trainer.agent.load_state_dict(state["agent"])
    trainer.streams.load_state_dict(state["streams"])
    trainer.noise.load_state_dict(state["noise"])
    trainer.episode_return = np.array(state["episode_return"])
    trainer.episode_length = np.array(state["episode_length"])
    trainer.window.load_state_dict(state["window"])
    trainer.watch.alive = np.array(state["alive"])
    if state["returns"] is not None:
        trainer.returns = np.array(state["returns"])
    trainer.verdict = state["verdict"]
    return trainer.environments.load_state_dict(state["environments"], _fresh_seeds(trainer))


def _fresh_seeds(trainer: "Trainer") -> list[int]:
    """One a member, for an episode that cannot be brought back: not one that it began with."""
    return [
        int(np.random.SeedSequence([seed, trainer.step]).generate_state(1)[0])
        for seed in trainer.seeds
    ]
