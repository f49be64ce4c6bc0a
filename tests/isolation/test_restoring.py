"""A dry run restores everything bit for bit. The tests also prove that the updates ran."""

import copy
import random
from collections import deque
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    _global_optimizer_post_hooks,
    _global_optimizer_pre_hooks,
)

from ddpg.isolation import Contract, ContractError, audit, moves, trains, watch
from ddpg.isolation.observe.ledger import same_bits
from tests.isolation.agents import ActorCritic


def state(agent: ActorCritic) -> list[Any]:
    """Everything that a dry run has to put back, copied."""
    networks = (agent.actor, agent.critic, agent.actor_target, agent.critic_target)
    tensors = [t for n in networks for t in (*n.parameters(), *n.buffers())]
    return [
        [t.detach().clone() for t in tensors],
        [None if t.grad is None else t.grad.clone() for t in tensors],
        [t.requires_grad for t in tensors],
        [m.training for n in networks for m in n.modules()],
        *map(optimizer_state, (agent.actor_optimizer, agent.critic_optimizer)),
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state(),  # noqa: NPY002  users' global state is to be put back too
    ]


def optimizer_state(optimizer: torch.optim.Optimizer) -> list[Any]:
    groups = [{**group, "params": len(group["params"])} for group in optimizer.param_groups]
    return [groups, copy.deepcopy(list(optimizer.state.values()))]


def identities(agent: ActorCritic) -> list[Any]:
    """The objects themselves, as far as others hold them."""
    parameters = [p for n in (agent.actor, agent.critic_target) for p in n.parameters()]
    return [
        [(id(p), id(p.grad), p.data_ptr()) for p in parameters],
        [id(p) for group in agent.actor_optimizer.param_groups for p in group["params"]],
        [id(p) for p in agent.actor_optimizer.state],
    ]


def same(one: Any, two: Any) -> bool:
    if isinstance(one, Tensor):
        return same_bits(one, two)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, two)
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


def wreck(agent: ActorCritic) -> None:
    """Change everything that can be changed."""
    agent.critic_update()
    agent.actor_update()
    agent.actor.eval()
    next(agent.critic.parameters()).requires_grad_(False)
    next(agent.critic_target.parameters()).data = torch.zeros(8, 4)
    agent.actor.add_module("2", nn.Linear(8, 1))
    agent.actor_optimizer.param_groups[0]["lr"] = 7.0
    agent.actor_optimizer.param_groups[0]["params"].pop()
    agent.critic_optimizer.state.clear()
    agent.critic_optimizer.param_groups[0]["lr"] = 7.0
    torch.rand(1)
    random.random()
    np.random.rand()  # noqa: NPY002  what is to be put back


@pytest.mark.parametrize("trained_before", [False, True])
def test_everything_is_put_back(trained_before: bool) -> None:
    agent = ActorCritic()
    if trained_before:
        agent.critic_update()
        agent.actor_update()
        list(agent.critic.parameters())[1].data[0] = float("nan")
    before, objects = state(agent), identities(agent)
    wrecked: list[Any] = []

    with watch(agent.contract(), dry_run=True) as watching, watching.update("acting"):
        wreck(agent)
        wrecked = state(agent)

    assert not any(map(same, before, wrecked))
    assert all(map(same, before, state(agent)))
    assert identities(agent) == objects


def test_everything_is_put_back_after_an_exception() -> None:
    agent = ActorCritic()
    before = state(agent)

    def update() -> None:
        wreck(agent)
        raise KeyError("the user's own")

    with pytest.raises(KeyError, match="the user's own"):
        audit(agent.contract(), {"acting": update})

    assert all(map(same, before, state(agent)))


def test_torch_is_as_it_was_after_an_exception() -> None:
    agent = ActorCritic()
    engine = torch.autograd._engine_run_backward  # pyright: ignore[reportPrivateImportUsage]

    def update() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        audit(agent.contract(), {"acting": update})

    assert torch.autograd._engine_run_backward is engine  # pyright: ignore[reportPrivateImportUsage]
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert not torch.nn.modules.module._global_forward_hooks
    assert not _global_optimizer_pre_hooks
    assert not _global_optimizer_post_hooks
    assert not torch.is_anomaly_enabled()


def test_the_update_after_an_audit_is_the_one_without() -> None:
    audited, bare = ActorCritic(), ActorCritic()
    for _ in range(3):
        audit(audited.contract(), audited.updates())
        for agent in (audited, bare):
            agent.critic_update()
            agent.actor_update()
    assert all(map(same, state(audited), state(bare)))


def test_a_graph_from_before_the_audit_still_differentiates() -> None:
    agent = ActorCritic()
    agent.critic_update()
    expected = torch.autograd.grad(agent.critic_loss(), list(agent.critic.parameters()))

    def unrelated() -> None:
        agent.sync()

    loss = agent.critic_loss()
    audit(agent.contract(), {"sync": unrelated})

    got = torch.autograd.grad(loss, list(agent.critic.parameters()))
    assert all(map(same_bits, expected, got))


def test_an_optimizer_that_nobody_named_is_put_back_too() -> None:
    agent = ActorCritic()
    hidden = torch.optim.Adam(agent.critic.parameters(), lr=1e-2)
    agent.critic_optimizer = hidden
    contract = agent.contract(
        optimizers={"actor": agent.actor_optimizer}, updates={"critic_update": trains("critic")}
    )
    before = state(agent)

    report = audit(contract, {"critic_update": agent.critic_update})

    assert all(map(same, before, state(agent)))
    assert report["critic_update", "critic"].movers == ("unnamed Adam: gradient",)
    assert any("unnamed Adam" in note for note in report.notes)


class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.seen: deque[int] = deque()
        self.mean = torch.zeros(2)


class CountingModule(nn.Module):
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.register_buffer("mean", torch.zeros(2))


def test_further_objects_are_put_back() -> None:
    agent = ActorCritic()
    counter, module = Counter(), CountingModule()
    generator, numpy = torch.Generator().manual_seed(3), np.random.default_rng(3)
    schedule = torch.optim.lr_scheduler.StepLR(agent.actor_optimizer, 1)
    drawn = torch.rand(1, generator=generator.clone_state()), copy.deepcopy(numpy).random()

    def update() -> None:
        agent.actor_update()
        schedule.step()
        for each in (counter, module):
            each.count += 1
            each.mean += 1
        counter.seen.append(1)
        torch.rand(1, generator=generator)
        numpy.random()

    contract = agent.contract(restores=[counter, module, generator, numpy, schedule])
    audit(contract, {"actor_update": update})

    assert (counter.count, len(counter.seen), module.count, schedule.last_epoch) == (0, 0, 0, 0)
    assert not counter.mean.any()
    assert not module.mean.any()
    assert (torch.rand(1, generator=generator), numpy.random()) == drawn


def test_what_cannot_be_put_back_is_said() -> None:
    agent = ActorCritic()
    with pytest.raises(ContractError, match=r"restores: 3 is not allowed; allowed: objects with"):
        audit(agent.contract(restores=[3]), agent.updates())


def test_an_empty_contract_module_is_no_trouble() -> None:
    module = nn.Tanh()
    contract = Contract(modules={"module": module}, updates={"update": trains()})
    assert audit(contract, lambda: None).kept


class FakeAccelerator:
    """Random state of an accelerator that this machine lacks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, suffix: str) -> None:
        self.random_state = torch.tensor([5])
        monkeypatch.setattr(module, f"get_rng_state{suffix}", lambda: self.random_state.clone())
        monkeypatch.setattr(module, f"set_rng_state{suffix}", self.write)

    def write(self, state: Tensor) -> None:
        self.random_state = state


@pytest.mark.parametrize(
    ("name", "suffix"), [("mps", ""), ("cuda", "_all"), ("xpu", "_all"), (None, "")]
)
def test_the_random_state_of_an_accelerator_is_put_back(
    monkeypatch: pytest.MonkeyPatch, name: str | None, suffix: str
) -> None:
    accelerator = FakeAccelerator(monkeypatch, getattr(torch, name or "mps"), suffix)
    if name == "mps":
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    elif name:
        monkeypatch.setattr(getattr(torch, name), "is_initialized", lambda: True)
    agent = ActorCritic()
    with watch(agent.contract(), dry_run=True) as watching, watching.update("acting"):
        agent.critic_update()
        accelerator.random_state = torch.tensor([9])
    # Without an accelerator its state is not read.
    assert accelerator.random_state.tolist() == ([5] if name else [9])


class Slotted:
    """Keeps its values in slots instead of a dictionary."""

    __slots__ = ("counts", "network", "total")

    def __init__(self) -> None:
        self.network, self.counts, self.total = nn.Linear(2, 1), [0], 0

    def update(self) -> None:
        self.counts[0] += 1
        self.total += 1
        torch.nn.init.ones_(self.network.weight)


def test_an_object_with_slots_is_put_back() -> None:
    agent = Slotted()
    contract = Contract(
        modules={"network": agent.network}, updates={"update": moves("network")}, restores=[agent]
    )
    report = audit(contract, {"update": agent.update})
    assert not report.notes
    assert (agent.counts, agent.total) == ([0], 0)


class Halves(torch.optim.Optimizer):
    """Steps the weights and the biases by two optimizers of its own."""

    def __init__(self, network: nn.Linear) -> None:
        super().__init__(network.parameters(), {})
        self.halves = [torch.optim.Adam([network.weight]), torch.optim.Adam([network.bias])]

    def step(self, closure: Any = None) -> Any:
        assert closure is None
        for each in self.halves:
            each.step()


def test_optimizers_inside_of_an_optimizer_are_put_back() -> None:
    network = nn.Linear(2, 1)
    optimizer = Halves(network)

    def update() -> None:
        optimizer.zero_grad()
        network(torch.ones(3, 2)).sum().backward()
        optimizer.step()

    contract = Contract(
        modules={"network": network},
        optimizers={"network": optimizer},
        updates={"update": trains("network")},
    )
    report = audit(contract, {"update": update})
    report.assert_kept()
    assert not report.notes
    assert not any(each.state for each in optimizer.halves)


def test_two_updates_name_a_changed_value_once() -> None:
    network, counts = nn.Linear(2, 1), {"calls": 0}

    def write() -> None:
        counts["calls"] += 1
        torch.nn.init.normal_(network.weight)

    holder = {"update": write}  # the values of its closure are compared, and not restored
    contract = Contract(
        modules={"network": network},
        updates={"first": moves("network"), "second": moves("network")},
        restores=[holder],
    )
    report = audit(contract, {"first": write, "second": write})
    (note,) = report.notes
    assert note.count("counts['calls']") == 1
