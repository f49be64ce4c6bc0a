"""Contract of a PFRL DDPG, TD3 or SoftActorCritic agent.

    report = audit(contract(agent), updates(agent))

PFRL stops nothing in the policy's update: the loss goes through the Q-functions and writes their
`.grad`. Only the optimizers protect the Q-functions: the policy's does not hold them. The contract
allows this (`through=`). The targets are in eval mode and are computed under `no_grad`.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..contract import Contract, follows, nothing, split, trains

if TYPE_CHECKING:
    from pfrl.agents import DDPG, TD3, SoftActorCritic

    Agent = DDPG | TD3 | SoftActorCritic

DDPG_NAMES = {"actor_optimizer": "policy", "critic_optimizer": "q_function"}
NAMES = {f"{name}_optimizer": name for name in ("policy", "q_func1", "q_func2")}
"""Optimizer → module that it trains."""


def contract(agent: "Agent") -> Contract:
    """Return the contract of `agent.update`, cut at its optimizers' steps, and of acting.

    The modules have PFRL's names, such as `target_q_func1`. DDPG moves its targets while it
    observes, not in `agent.update`; the contract names that call `sync`.
    """

    def at(path: str) -> Callable[[], Any]:
        """Look the attribute up at each update: users may replace networks."""
        return lambda: attrgetter(path)(agent)

    trained = DDPG_NAMES if _is_ddpg(agent) else NAMES
    policy, *critics = trained.values()
    sources = {f"target_{name}": name for name in trained.values()}
    sources = {target: name for target, name in sources.items() if hasattr(agent, target)}

    modules = {name: at(name) for name in (*trained.values(), *sources)}
    optimizers = {name: at(optimizer) for optimizer, name in trained.items()}
    parts = {name: trains(name, eval_mode=sources) for name in critics}
    parts[policy] = trains(policy, through=critics)
    if getattr(agent, "temperature_holder", None) is not None:
        modules["temperature"] = at("temperature_holder")
        optimizers["temperature"] = at("temperature_optimizer")
        parts["temperature"] = trains("temperature")
    sync = follows(**sources)
    rows = {"update": split(**parts), "sync": sync}
    if not _is_ddpg(agent):
        rows = {"update": split(**parts, rest=sync)}

    return Contract(
        modules=modules,
        optimizers=optimizers,
        updates={**rows, "acting": nothing(eval_mode=policy)},
        restores=[agent],  # its counters and records
    )


def updates(agent: "Agent", batch_size: int = 64) -> dict[str, Callable[[], object]]:
    """Return the updates: training on the replay buffer, and acting in evaluation mode.

    One call of `update` runs every part of the contract at least once.

    Raises:
        ValueError: The replay buffer is empty.
    """
    buffer = agent.replay_buffer
    if len(buffer) == 0:
        raise ValueError("agent.replay_buffer is empty: train the agent for some steps first")
    size = min(batch_size, len(buffer))
    calls = getattr(agent, "policy_update_delay", 1)  # TD3 updates its policy in one of these

    def update() -> None:
        for _ in range(calls):
            agent.update(buffer.sample(size))

    def acting() -> None:
        with agent.eval_mode():
            agent.batch_act([buffer.sample(1)[0][0]["state"]])

    sync = {"sync": agent.sync_target_network} if _is_ddpg(agent) else {}
    return {"update": update, **sync, "acting": acting}


def _is_ddpg(agent: "Agent") -> bool:
    return hasattr(agent, "actor_optimizer")
