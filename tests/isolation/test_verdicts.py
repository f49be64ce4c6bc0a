"""Each kind of finding, on a small actor-critic that is broken in one place and on the whole."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, audit, follows, nothing, split, term, trains
from tests.isolation.agents import ActorCritic, network


def found(report: object) -> set[tuple[str, str, str, int, str]]:
    findings = report.findings  # pyright: ignore[reportAttributeAccessIssue]
    return {(f.update, f.module, f.verdict, int(f.grade), f.kind) for f in findings}


@pytest.fixture
def agent() -> ActorCritic:
    return ActorCritic()


def test_the_whole_agent_is_kept_and_alive(agent: ActorCritic) -> None:
    report = audit(agent.contract(), agent.updates())

    assert report.kept
    assert report["critic_update", "critic"].grade == Grade.MOVED
    assert report["critic_update", "critic"].movers == ("critic: gradient",)
    assert report["critic_update", "critic"].gradient_norm
    assert report["critic_update", "critic_target"].grade == Grade.NOTHING
    assert report["actor_update", "critic"].grade == Grade.NONZERO
    assert (
        "unchanged only because no optimizer that stepped holds it"
        in report["actor_update", "critic"].reason
    )
    assert report["sync", "critic_target"].movers == ("Polyak from critic (tau 0.01)",)
    assert report["acting", "actor"].grade == Grade.NOTHING


def test_norms_are_those_of_the_update(agent: ActorCritic) -> None:
    cell = audit(agent.contract(), agent.updates(), rounds=1)["critic_update", "critic"]
    before = [p.detach().clone() for p in agent.critic.parameters()]
    agent.critic_update()
    moved = [p.detach() - q for p, q in zip(agent.critic.parameters(), before, strict=True)]
    gradients = [p.grad for p in agent.critic.parameters() if p.grad is not None]
    assert cell.movement == pytest.approx(float(torch.cat([m.flatten() for m in moved]).norm()))
    expected = float(torch.cat([g.flatten() for g in gradients]).norm())
    assert cell.gradient_norm == pytest.approx(expected)


def test_a_gradient_left_in_the_target(agent: ActorCritic) -> None:
    def critic_update() -> None:
        target = agent.value(agent.critic_target, agent.next_states, agent.actions)
        value = agent.value(agent.critic, agent.states, agent.actions)
        agent.critic_optimizer.zero_grad()
        (value - agent.rewards - target).square().mean().backward()
        agent.critic_optimizer.step()

    report = audit(agent.contract(), {"critic_update": critic_update})

    assert found(report) == {("critic_update", "critic_target", "leaked", 2, "written")}


def test_a_gradient_that_the_next_update_applies(agent: ActorCritic) -> None:
    def critic_update() -> None:  # zero_grad is missing
        agent.critic_loss().backward()
        agent.critic_optimizer.step()

    updates = {"critic_update": critic_update, "actor_update": agent.actor_update}
    report = audit(agent.contract(), updates)

    assert found(report) == {("actor_update", "critic", "leaked", 3, "moved")}
    assert "left in .grad until critic_update" in report.findings[0].message


def test_a_gradient_that_is_cleared_in_time_is_kept(agent: ActorCritic) -> None:
    def actor_update() -> None:
        agent.actor_update()
        agent.critic_optimizer.zero_grad()

    contract = agent.contract(updates={"actor_update": trains("actor")})
    report = audit(contract, actor_update)

    assert report.kept
    assert report["actor_update", "critic"].reached
    assert report["actor_update", "critic"].delivered
    assert report["actor_update", "critic"].grade == Grade.NOTHING


def test_a_gradient_edited_to_zero_is_kept_and_one_that_is_scaled_is_not() -> None:
    for scale, verdict, grade in ((0.0, "kept", Grade.ZERO), (0.5, "leaked", Grade.NONZERO)):
        agent = ActorCritic()

        def actor_update(agent: ActorCritic = agent, scale: float = scale) -> None:
            agent.critic_optimizer.zero_grad()
            agent.actor_optimizer.zero_grad()
            agent.actor_loss().backward()
            for parameter in agent.critic.parameters():
                assert parameter.grad is not None
                parameter.grad *= scale
            agent.actor_optimizer.step()

        contract = agent.contract(updates={"actor_update": trains("actor")})
        cell = audit(contract, {"actor_update": actor_update})["actor_update", "critic"]
        assert (cell.verdict, cell.grade) == (verdict, grade)


def test_only_the_inputs_of_a_backward_pass_are_touched(agent: ActorCritic) -> None:
    def actor_update() -> None:
        agent.actor_optimizer.zero_grad()
        agent.actor_loss().backward(inputs=list(agent.actor.parameters()))
        agent.actor_optimizer.step()

    def by_hand() -> None:
        parameters = list(agent.actor.parameters())
        gradients = torch.autograd.grad(agent.actor_loss(), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        agent.actor_optimizer.step()

    contract = agent.contract(updates={"actor_update": trains("actor")})
    for update in (actor_update, by_hand):
        report = audit(contract, {"actor_update": update})
        assert report.kept
        assert report["actor_update", "critic"].reached
        assert report["actor_update", "critic"].grade == Grade.NOTHING
        assert report["actor_update", "actor"].grade == Grade.MOVED


@pytest.mark.parametrize("how", ["detach", "no_grad", "frozen", "replay action"])
def test_a_starved_actor(agent: ActorCritic, how: str) -> None:
    def action() -> Tensor:
        if how == "detach":
            return agent.actor(agent.states).detach()
        if how == "no_grad":
            with torch.no_grad():
                return agent.actor(agent.states)
        if how == "frozen":
            for parameter in agent.actor.parameters():
                parameter.requires_grad_(False)
            result = agent.actor(agent.states)
            for parameter in agent.actor.parameters():
                parameter.requires_grad_(True)
            return result
        return agent.actions

    def actor_update() -> None:
        agent.actor_optimizer.zero_grad()
        (-agent.value(agent.critic, agent.states, action()).mean()).backward()
        agent.actor_optimizer.step()

    report = audit(agent.contract(), {"actor_update": actor_update})

    assert found(report) == {("actor_update", "actor", "starved", 0, "reached")}
    path = report.findings[0].path
    assert path is not None
    ends = {
        "detach": "Tensor.detach drops the graph",
        "no_grad": "actor ran here under no_grad or inference_mode",
        "frozen": "actor was frozen here",
        "replay action": "actor was not called",
    }
    assert ends[how] in path.stop
    assert ("test_verdicts.py" in path.entry) == (how != "replay action")


def test_zero_is_not_none(agent: ActorCritic) -> None:
    def update() -> None:
        agent.actor_optimizer.zero_grad()
        (0.0 * agent.actor_loss()).backward()
        agent.actor_optimizer.step()

    report = audit(agent.contract(), {"actor_update": update})
    assert found(report) == {("actor_update", "actor", "starved", 1, "written")}
    assert report["actor_update", "critic"].grade == Grade.ZERO


@pytest.mark.parametrize(
    ("options", "mover"),
    [({"momentum": 0.9}, "actor: momentum"), ({"weight_decay": 0.1}, "actor: weight decay")],
)
def test_a_zero_gradient_moves_by_momentum_and_by_decay(
    agent: ActorCritic, options: dict[str, Any], mover: str
) -> None:
    optimizer = torch.optim.SGD(agent.actor.parameters(), lr=0.1, **options)
    agent.actor_loss().backward()
    optimizer.step()

    def other_update() -> None:
        optimizer.zero_grad(set_to_none=False)
        optimizer.step()

    contract = Contract(
        modules={"actor": agent.actor},
        optimizers={"actor": optimizer},
        holds={"actor": "actor"},
        updates={"other_update": nothing()},
    )
    report = audit(contract, other_update)
    assert found(report) == {("other_update", "actor", "moved_by_other", 3, "moved")}
    assert report["other_update", "actor"].movers == (mover,)


def test_a_gradient_put_back_from_a_copy_is_not_the_later_one(agent: ActorCritic) -> None:
    def train(by_reference: bool) -> None:
        agent.critic_optimizer.zero_grad()
        agent.actor_optimizer.zero_grad()
        agent.critic_loss().backward()
        harvested = [p.grad for p in agent.critic.parameters() if p.grad is not None]
        if not by_reference:
            harvested = [gradient.clone() for gradient in harvested]
        agent.actor_loss().backward()
        for parameter, gradient in zip(agent.critic.parameters(), harvested, strict=True):
            parameter.grad = gradient
        agent.critic_optimizer.step()
        agent.actor_optimizer.step()

    parts = split(critic=trains("critic"), actor=trains("actor", through="critic"))
    contract = agent.contract(updates={"train": parts})
    assert audit(contract, {"train": lambda: train(by_reference=False)}).kept
    assert found(audit(contract, {"train": lambda: train(by_reference=True)})) == {
        ("train/actor", "critic", "leaked", 3, "moved")
    }


@pytest.mark.parametrize("order", [("critic_update", "sync"), ("sync", "critic_update")])
def test_a_sync_that_does_nothing_is_seen_in_either_order(
    agent: ActorCritic, order: tuple[str, str]
) -> None:
    updates = {"critic_update": agent.critic_update, "sync": agent.act}
    contract = agent.contract(
        updates={"critic_update": trains("critic"), "sync": follows(critic_target="critic")}
    )
    report = audit(contract, {name: updates[name] for name in order})
    assert found(report) == {("sync", "critic_target", "starved", 0, "moved")}
    mended = {**updates, "sync": agent.sync}
    report = audit(contract, {name: mended[name] for name in order})
    assert not report.find(module="critic_target")


def test_a_sync_that_never_had_anything_to_do_is_noted(agent: ActorCritic) -> None:
    contract = agent.contract()
    report = audit(contract, {"sync": agent.act}, rounds=1)
    assert report.kept
    assert any("critic_target equalled critic in every round" in note for note in report.notes)
    agent.critic_update()
    agent.actor_update()
    assert not audit(contract, {"sync": agent.sync}, rounds=1).notes


@pytest.mark.parametrize("delayed", [False, True])
def test_what_an_earlier_round_left_frozen_is_starved(agent: ActorCritic, delayed: bool) -> None:
    critic_runs: list[int] = []

    def critic_update() -> None:
        critic_runs.append(0)
        if not delayed or len(critic_runs) % 2:
            agent.critic_update()

    def actor_update() -> None:
        agent.actor_update()
        agent.critic[0].requires_grad_(False)

    report = audit(agent.contract(), {"critic_update": critic_update, "actor_update": actor_update})
    left = ("actor_update", "critic", "leaked", 2, "modes")
    starved = ("critic_update", "critic", "starved", 3, "reached")
    assert found(report) == ({left} if delayed else {left, starved})


def test_the_declared_source_of_a_polyak_average_comes_first(agent: ActorCritic) -> None:
    twin = copy.deepcopy(agent.critic_target)  # stays equal to it, and is written first

    def train() -> None:
        agent.critic_update()
        with torch.no_grad():
            for target in (twin, agent.critic_target):
                for one, other in zip(target.parameters(), agent.critic.parameters(), strict=True):
                    one.lerp_(other, 0.01)
        agent.critic_update()

    agent.critic_update()
    contract = Contract(
        modules={"twin": twin, "critic": agent.critic, "critic_target": agent.critic_target},
        optimizers={"critic": agent.critic_optimizer},
        updates={"train": trains("critic", follows={"critic_target": "critic", "twin": "critic"})},
    )
    report = audit(contract, train)
    assert report.kept
    assert report["train", "critic_target"].movers == ("Polyak from critic (tau 0.01)",)
    assert report["train", "twin"].movers == ("Polyak from critic (tau 0.01)",)


def test_polyak_into_the_source(agent: ActorCritic) -> None:
    agent.critic_update()

    def sync() -> None:
        with torch.no_grad():
            pairs = zip(agent.critic.parameters(), agent.critic_target.parameters(), strict=True)
            for online, target in pairs:
                online.lerp_(target, 0.01)

    contract = agent.contract(updates={"sync": follows(critic_target="critic")})
    assert found(audit(contract, sync)) == {
        ("sync", "critic", "moved_by_other", 3, "moved"),
        ("sync", "critic_target", "starved", 0, "moved"),
    }


def test_membership(agent: ActorCritic) -> None:
    agent.critic_optimizer = torch.optim.Adam(
        [*agent.critic.parameters(), *agent.critic_target.parameters()]
    )
    agent.actor_optimizer = torch.optim.Adam(list(agent.actor.parameters())[:2])
    report = audit(agent.contract(), agent.updates())
    assert found(report) == {
        ("critic_update", "critic_target", "leaked", 0, "membership"),
        ("actor_update", "actor", "starved", 3, "membership"),
    }
    allowed = agent.contract(holds={"critic": "critic_target"})
    assert not audit(allowed, agent.updates()).find(module="critic_target")


def test_aliasing_and_sharing(agent: ActorCritic) -> None:
    agent.critic_target = agent.critic
    contract = agent.contract(updates={"acting": nothing()})
    assert found(audit(contract, agent.act)) == {
        ("setup", "critic", "leaked", 0, "aliasing"),
        ("setup", "critic_target", "leaked", 0, "aliasing"),
    }
    shared = agent.contract(updates={"acting": nothing()}, shared={"critic": "critic_target"})
    assert audit(shared, agent.act).kept
    agent.critic_target = copy.deepcopy(agent.critic)
    broken = agent.contract(updates={"acting": nothing()}, shared={"critic": "critic_target"})
    assert found(audit(broken, agent.act)) == {("setup", "critic_target", "starved", 0, "aliasing")}


@pytest.mark.parametrize("how", ["fused", "data", "foreach"])
def test_a_write_between_forward_and_backward(agent: ActorCritic, how: str) -> None:
    optimizer = torch.optim.SGD(agent.critic.parameters(), lr=0.1, fused=how == "fused")
    agent.critic_loss().backward()

    def actor_update() -> None:
        agent.actor_optimizer.zero_grad()
        loss = agent.actor_loss()
        if how == "data":
            for parameter in agent.critic.parameters():
                parameter.data.mul_(0.5)
        else:
            optimizer.step()
        loss.backward()
        agent.actor_optimizer.step()

    contract = agent.contract(
        optimizers={"actor": agent.actor_optimizer, "critic": optimizer},
        updates={"actor_update": trains("actor", through="critic", moves="critic")},
        holds={"actor": ("actor", "critic"), "critic": ("actor", "critic")},
    )
    (finding,) = audit(contract, actor_update, rounds=1).find(kind="order")
    assert (finding.module, finding.verdict) == ("critic", "moved_by_other")
    assert ("did not notice" in finding.message) == (how != "foreach")


def test_a_write_before_the_forward_pass_is_in_order(agent: ActorCritic) -> None:
    def actor_update() -> None:
        for parameter in agent.critic.parameters():
            parameter.data.mul_(0.5)
        agent.actor_update()

    contract = agent.contract(
        updates={"actor_update": trains("actor", through="critic", moves="critic")}
    )
    assert audit(contract, actor_update).kept


def test_what_is_kept(agent: ActorCritic) -> None:
    memory: list[Tensor] = []
    contract = agent.contract(keeps={"memory": memory}, updates={"acting": nothing()})

    def store(value: Tensor) -> None:
        memory[:] = [value]

    with torch.inference_mode():
        inference = agent.actor(agent.states)
    for value, wrong in (
        (agent.actor(agent.states), True),
        (inference, True),
        (agent.act(), False),
    ):
        memory.clear()
        report = audit(contract, lambda value=value: store(value))
        expected = {("acting", "memory", "leaked", 0, "stored")} if wrong else set()
        assert found(report) == expected


def test_modes(agent: ActorCritic) -> None:
    agent.actor = network(3, 1, nn.BatchNorm1d(8))
    contract = agent.contract(
        optimizers={}, updates={"acting": nothing(eval_mode="actor", frozen="critic")}
    )
    assert found(audit(contract, agent.act)) == {
        ("acting", "actor", "moved_by_other", 3, "modes"),
        ("acting", "actor", "leaked", 3, "modes"),
    }
    agent.actor.eval()
    assert audit(contract, agent.act).kept

    def judge_too() -> None:
        agent.value(agent.critic, agent.states, agent.act())

    (finding,) = audit(contract, {"acting": judge_too}).findings
    assert "4 of 4 parameters of critic.0, critic.2 required grad" in finding.message


def test_requires_grad_that_an_update_leaves_changed(agent: ActorCritic) -> None:
    def act() -> None:
        agent.critic.requires_grad_(False)

    report = audit(agent.contract(), {"acting": act})
    assert found(report) == {("acting", "critic", "leaked", 0, "modes")}
    assert next(agent.critic.parameters()).requires_grad


def test_a_sum_of_losses_by_its_terms(agent: ActorCritic) -> None:
    both = torch.optim.Adam([*agent.actor.parameters(), *agent.critic.parameters()])

    def update(frozen: bool) -> None:
        both.zero_grad()
        agent.critic.requires_grad_(not frozen)
        actor_loss = term("actor_loss", agent.actor_loss())
        agent.critic.requires_grad_(True)
        (actor_loss + term("critic_loss", agent.critic_loss())).backward()
        both.step()

    terms = {"actor_loss": trains("actor", through="critic"), "critic_loss": trains("critic")}
    contract = agent.contract(
        optimizers={"both": both}, updates={"update": trains("actor", "critic", terms=terms)}
    )
    assert audit(contract, {"update": lambda: update(frozen=True)}).kept
    (finding,) = audit(contract, {"update": lambda: update(frozen=False)}).findings
    assert (finding.module, finding.loss, finding.grade) == ("critic", "actor_loss", Grade.MOVED)


def test_one_call_is_split_at_its_steps(agent: ActorCritic) -> None:
    def train(leak: bool) -> None:
        for _ in range(2):
            agent.critic_update()
            if leak:
                agent.critic_optimizer.step()
            agent.actor_update()
            agent.sync()

    rest = follows(actor_target="actor", critic_target="critic")
    parts = split(critic=trains("critic"), actor=trains("actor", through="critic"), rest=rest)
    contract = agent.contract(updates={"train": parts})
    report = audit(contract, {"train": lambda: train(leak=False)})
    assert report.kept
    assert report["train/critic", "critic"].grade == Grade.MOVED
    assert report["train/actor", "critic"].grade == Grade.NONZERO
    assert report["train/rest", "critic_target"].grade == Grade.MOVED

    swapped = split(critic=trains("actor"), actor=trains("actor", through="critic"), rest=rest)
    contract = agent.contract(updates={"train": swapped})
    assert ("train/critic", "critic", "leaked", 3, "moved") in found(
        audit(contract, {"train": lambda: train(leak=False)})
    )


def test_stacked_members_are_told_apart() -> None:
    weight = nn.Parameter(torch.ones(3, 2, 2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scale = torch.tensor([1.0, 0.0, 2.0]).reshape(3, 1, 1)

    def update() -> None:
        optimizer.zero_grad()
        (weight * scale).sum().backward()
        optimizer.step()

    contract = Contract(
        modules={"actor": weight}, optimizers={"actor": optimizer}, updates={"u": trains("actor")}
    )
    for level in ("light", "full"):
        cell = audit(contract, update, stacked=True, rounds=1, level=level)["u", "actor"]
        assert cell.grades is not None
        assert cell.gradient_norms is not None
        assert cell.movements is not None
        assert cell.grades.tolist() == [3, 1, 3]
        assert cell.gradient_norms.tolist() == [2.0, 0.0, 4.0]
        assert cell.movements.tolist() == [2.0, 0.0, 4.0]


def test_the_light_level_says_the_same_without_paths() -> None:
    agent = ActorCritic()
    contract = agent.contract(updates={"actor_update": trains("actor")})
    light = audit(contract, agent.actor_update, level="light")
    full = audit(contract, agent.actor_update)
    assert found(light) == found(full) != set()
    assert light.findings[0].path is None
    assert full.findings[0].path is not None
