"""The audit of a run folder: the agent and the replay buffer of its newest checkpoint."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.errors import CheckpointError
from ddpg.isolation import Contract, Finding
from ddpg.isolation.contracts import ours
from ddpg.normalization.agent import make_agent
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch, ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.runs.state_check import (
    TensorPattern,
    names_checkpoint,
    require_finite,
    require_like,
    require_members,
)


def contract_and_updates(run: Path) -> tuple[Contract, dict[str, Callable[[], Any]]]:
    """Return the contract of a run's agent, and its updates on the batch that it samples next.

    The actor's update follows `actor_every` updates of the critic, as in the run. The folder is
    only read. A run that was trained on an accelerator is audited on the CPU.

    Args:
        run: the run's folder.

    Raises:
        ConfigError: the folder is not a run.
        CheckpointError: there is no checkpoint, it cannot be read, or its replay is empty.
    """
    agent, batch = _agent_and_batch(RunFolder(run))
    return ours.contract(agent), ours.updates(agent, batch, agent.config.actor_every)


def rounds_of(run: Path) -> int:
    """Return the rounds in which every update of a run's stops happens: at least 2.

    The stop `manual` lets gradients through in every `manual_every`-th update.

    Raises:
        ConfigError: the folder is not a run.
    """
    config = RunFolder(run).stored_config()
    every = config.manual_every
    periods = every.values() if isinstance(every, dict) else [every]
    is_manual = "manual" in f"{config.stop}+{config.actor_stop}".split("+")
    return max(2, *periods) if is_manual else 2


def details_of(run: Path) -> dict[str, str]:
    """Return the name of a run, its environment and its stops, for the page of its audit.

    Raises:
        ConfigError: the folder is not a run.
    """
    folder = RunFolder(run)
    config = folder.stored_config()
    every = config.actor_every
    return {
        "Run": folder.path.resolve().name,
        "Environment": config.env_name,
        "Stop": f"{config.stop} in the critic update, with the {config.bootstrap_actor} actor; "
        f"{config.actor_stop} in the actor update",
        **({"Actor update": f"after every {every} critic updates"} if every > 1 else {}),
    }


def advise_stops(run: Path, findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings of a run's audit; their advice is a setting instead of an edit of code.

    A finding under the default stop keeps its advice, since the default stops every leak.

    Raises:
        ConfigError: the folder is not a run.
    """
    config, default = RunFolder(run).stored_config(), Config()
    advice = {
        update: f"train with {option} {recommended}; this run has {option} {given}"
        for update, option, recommended, given in (
            ("critic_update", "--stop", default.stop, config.stop),
            ("actor_update", "--actor-stop", default.actor_stop, config.actor_stop),
        )
        if given != recommended
    }
    return [
        replace(each, path=replace(each.path, stop=advice[each.update]))
        if each.path is not None and each.update in advice
        else each
        for each in findings
    ]


def _agent_and_batch(folder: RunFolder) -> tuple[DDPG, Batch]:
    config = folder.stored_config()
    checkpoints = Checkpoints(folder.checkpoints)
    file = checkpoints.state_path()
    # The weights have the widths of observation and action: making the environment may import code.
    first = TensorPattern((config.members, None, config.hidden[0]))
    last = TensorPattern((config.members, config.hidden[-1], None))
    actor = {"hidden.0.weight": first, "output.weight": last, ...: None}
    state = checkpoints.load_state()
    with names_checkpoint(file):
        require_like(state, {"agent": {"actor": actor, ...: None}, ...: None})
    weights = state["agent"]["actor"]
    dims = (weights["hidden.0.weight"].shape[1], weights["output.weight"].shape[2])

    streams = RandomStreams.from_seeds([config.seed + member for member in range(config.members)])
    replay = ReplayBuffer(streams.replay, config.replay_capacity, *dims, torch.device("cpu"))
    state = checkpoints.load(replay)
    if not len(replay):
        raise CheckpointError(f"cannot audit {checkpoints.folder}: its replay buffer is empty")
    agent = make_agent(config, *dims, streams.weights, torch.device("cpu"))
    with names_checkpoint(file):
        pattern = {"agent": agent.state_dict(), "streams": streams.state_dict(), "alive": {list}}
        require_like(state, {**pattern, ...: None})
        require_members(state["alive"], config.members)
        require_finite(state["agent"], state["alive"], "agent")
        agent.load_state_dict(state["agent"])
        streams.load_state_dict(state["streams"])
    return agent, replay.sample(config.batch_size)
