"""Contract of a skrl DDPG, TD3 or SAC agent.

    report = audit(contract(agent), updates(agent))

skrl stops nothing in the policy's update: the loss goes through the critics and writes their
`.grad`. Only the optimizers protect the critics: the policy's does not hold them. The contract
allows this (`through=`). The targets require no gradient and are computed under `no_grad`.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..contract import Contract, moves, nothing, split, trains

if TYPE_CHECKING:
    from skrl.agents.torch.ddpg import DDPG
    from skrl.agents.torch.sac import SAC
    from skrl.agents.torch.td3 import TD3

    Agent = DDPG | TD3 | SAC

CRITICS = ("critic", "critic_1", "critic_2")  # DDPG has the first, TD3 and SAC the others
PREPROCESSORS = ("observation_preprocessor", "state_preprocessor")


def contract(agent: "Agent") -> Contract:
    """Return the contract of `agent.update`, cut at its optimizers' steps, and of acting.

    The modules have skrl's names, such as `target_critic_1`. One optimizer, `critic`, trains both
    critics of TD3 and SAC.
    """

    def at(path: str) -> Callable[[], Any]:
        """Look the attribute up at each update: users may replace networks."""
        return lambda: attrgetter(path)(agent)

    critics = [name for name in CRITICS if hasattr(agent, name)]
    sources = {f"target_{name}": name for name in ("policy", *critics)}
    sources = {target: name for target, name in sources.items() if hasattr(agent, target)}
    # Running statistics of the observations, which a forward pass on each batch moves.
    scalers = [name for name in PREPROCESSORS if _has_statistics(agent, name)]

    modules = {name: at(name) for name in ("policy", *critics, *sources)}
    modules |= {name: at(f"_{name}") for name in scalers}
    optimizers = {name: at(f"{name}_optimizer") for name in ("policy", "critic")}
    parts = {
        "critic": trains(*critics),
        "policy": trains("policy", through=critics),
        "rest": moves(*scalers, follows=sources),
    }
    if getattr(agent, "entropy_optimizer", None) is not None:
        modules["entropy"] = at("log_entropy_coefficient")
        optimizers["entropy"] = at("entropy_optimizer")
        parts["entropy"] = trains("entropy")

    return Contract(
        modules=modules,
        optimizers=optimizers,
        updates={"update": split(**parts), "acting": nothing(eval_mode="policy")},
        restores=[agent],  # its counters, records and schedulers
    )


def updates(agent: "Agent") -> dict[str, Callable[[], object]]:
    """Return the updates: training on the agent's memory, and acting as a trainer does.

    One call of `update` runs every part of the contract at least once.

    Raises:
        ValueError: The agent's memory has no transition.
    """
    if agent.memory is None or len(agent.memory) == 0:
        raise ValueError("agent.memory is empty: run a trainer for some steps first")
    observations = agent.memory.get_tensor_by_name("observations")[:1].flatten(0, 1)
    states = (
        agent.memory.get_tensor_by_name("states")[:1].flatten(0, 1) if _has_states(agent) else None
    )
    # TD3 updates its policy in one of these.
    calls = getattr(agent.cfg, "policy_delay", 1)
    # After the steps with random actions.
    timestep = agent.cfg.random_timesteps

    def update() -> None:
        agent.enable_models_training_mode(True)
        for _ in range(calls):
            agent.update(timestep=timestep, timesteps=timestep + 1)
        agent.enable_models_training_mode(False)

    def acting() -> None:
        with torch.no_grad():
            agent.act(observations, states, timestep=timestep, timesteps=timestep + 1)

    return {"update": update, "acting": acting}


def _has_states(agent: "Agent") -> bool:
    return agent.state_space is not None


def _has_statistics(agent: "Agent", name: str) -> bool:
    """Return True if the agent has this preprocessor, and values that it reads."""
    reads = name == "observation_preprocessor" or _has_states(agent)
    return reads and isinstance(getattr(agent, f"_{name}"), nn.Module)
