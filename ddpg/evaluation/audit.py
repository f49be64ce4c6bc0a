"""A run of ours under the audit: its agent and replay, as the newest checkpoint has them."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from ddpg.agent import DDPG
from ddpg.cli.audit import Subject, factory_subject
from ddpg.errors import CheckpointError, ConfigError, UsageError
from ddpg.isolation import follows, nothing
from ddpg.random_streams import RandomStreams
from ddpg.replay import ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.runs.state_check import (
    Tensors,
    require_finite,
    require_like,
    require_members,
    taking_up,
)
from ddpg.training import separation

SUBJECTS = (
    "the folder of a run, or module:factory, a function without arguments that returns "
    "(contract, updates)"
)


def subject(text: str) -> Subject:
    """What is to be audited: `text` is one of `SUBJECTS`.

    Raises:
        UsageError: it is neither, or cannot be read.
    """
    if ":" in text and not Path(text).is_dir():
        return factory_subject(text)
    try:
        return run_subject(Path(text))
    except (ConfigError, CheckpointError) as error:
        raise UsageError(f"{error}; allowed: the folder of a run, or module:factory") from error


def run_subject(path: Path) -> Subject:
    """What a run promises, and its updates, its sync and its acting on the batch it drew next.

    Nothing in the folder is written to; what the run did on an accelerator is audited on the CPU.

    Args:
        path: the run's folder.

    Raises:
        ConfigError: there is no run.
        CheckpointError: there is no checkpoint, it cannot be read, or its replay is empty.
    """
    folder = RunFolder(path)
    config = folder.stored_config()
    checkpoints = Checkpoints(folder.checkpoints)
    file = checkpoints.state_file()
    state = checkpoints.load_state()
    with taking_up(file):
        # No environment is made here, so that the widths are told by the weights.
        first = Tensors((config.members, None, config.hidden[0]))
        last = Tensors((config.members, config.hidden[-1], None))
        actor = {"hidden.0.weight": first, "output.weight": last, ...: None}
        require_like(state, {"agent": {"actor": actor, ...: None}, ...: None})
    weights = state["agent"]["actor"]
    dims = (weights["hidden.0.weight"].shape[1], weights["output.weight"].shape[2])
    streams = RandomStreams.from_seeds([config.seed + member for member in range(config.members)])
    replay = ReplayBuffer(streams.replay, config.replay_capacity, *dims, torch.device("cpu"))
    state = checkpoints.load(replay)
    if not len(replay):
        raise CheckpointError(f"{checkpoints.folder} holds a replay without a transition")
    agent = DDPG(config, *dims, streams.weights, torch.device("cpu"))
    with taking_up(file):
        pattern = {"agent": agent.state_dict(), "streams": streams.state_dict(), "alive": {list}}
        require_like(state, {**pattern, ...: None})
        require_members(state["alive"], config.members)
        require_finite(state["agent"], state["alive"], "agent")
        agent.load_state_dict(state["agent"])
        streams.load_state_dict(state["streams"])
    batch = replay.sample(config.batch_size)
    promised = separation.contract(agent)
    whole = replace(
        promised,
        updates={
            **promised.updates,
            "sync": follows(actor_target="actor", critic_target="critic"),
            "acting": nothing(),
        },
    )
    return whole, {
        **separation.updates(agent, batch),
        "sync": agent.update_targets,
        "acting": partial(agent.act, batch.observation),
    }
