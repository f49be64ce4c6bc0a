"""The inventory finds modules and effects, warns of planted mistakes, and proposes a contract."""

import copy
import json
import linecache
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, ContractError, Grade, Survey, audit, inventory
from tests.isolation.agents import ActorCritic, network
from tests.isolation.survey.planted import MISTAKES, Agent

FORMS = ("split", "apart")
LINES = {
    "held_unreached": "self.critic_optimizer.step()",
    "stepped_twice": "self.critic_optimizer.step()",
    "never_cleared": "self.critic_optimizer.step()",
    "not_frozen": "self.frozen.requires_grad = False",
    "applied_through": "(-self.q(self.critic, features, self.actor(features)).mean()).backward()",
    "never_follows": "self.q(self.target, next_features, next_actions)",
    "unequal_at_start": "self.q(self.target, next_features, next_actions)",
    "untrained": "features = self.encoder(self.states)",
    "own_bootstrap": "self.q(self.critic, next_features, next_actions)",
}
"""Mistake → code of the user's line in its warning."""


def updates_of(agent: Agent, form: str) -> Mapping[str, Callable[[], Any]] | Callable[[], Any]:
    return agent.update if form == "split" else agent.updates


def proposed(survey: Survey) -> Contract:
    """Execute the text of the proposed contract."""
    names: dict[str, Any] = {}
    exec(survey.contract_text, names)
    return names["contract"](**survey.roots)


@pytest.fixture(scope="module")
def survey() -> Survey:
    agent = Agent()
    return inventory(agent, agent.updates)


def test_a_clean_agent_has_no_warnings(survey: Survey) -> None:
    assert survey.warnings == []
    assert survey.kept


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_warned_of_at_its_line(mistake: str, form: str) -> None:
    agent = Agent(mistake)
    survey = inventory(agent, updates_of(agent, form))
    found = {each.kind: each for each in survey.warnings}
    assert LINES[mistake] in found[mistake].line  # type: ignore[index]
    file, _, number = found[mistake].line.partition(":")  # type: ignore[index]
    assert file.endswith("planted.py")
    assert linecache.getline(file, int(number.partition(":")[0])).strip() in found[mistake].line  # type: ignore[index]
    also = {"never_cleared": {"applied_through"}, "not_frozen": {"untrained"}}
    also |= {"untrained": {"never_cleared"}}
    assert set(found) <= {mistake} | also.get(mistake, set())


def test_cells_have_reached_written_moved_and_by_whom(survey: Survey) -> None:
    cell = survey["critic_update", "critic"]
    assert (cell.grade, cell.movers) == (Grade.MOVED, ("critic_optimizer: gradient",))
    through = survey["actor_update", "critic"]
    assert (through.reached, through.written, through.movement) == (True, "nonzero", 0.0)
    assert survey["critic_update", "actor"].grade == Grade.NOTHING
    assert survey["sync", "target"].movers == ("Polyak from critic (tau 0.05)",)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("trained_before", [False, True])
def test_the_proposed_text_executes_and_is_kept(form: str, trained_before: bool) -> None:
    agent = Agent()
    if trained_before:
        agent.update()
    survey = inventory(agent, updates_of(agent, form))
    contract = proposed(survey)
    assert contract.updates == survey.contract.updates
    assert ("equal_at_start={" in survey.contract_text) != trained_before
    assert audit(contract, updates_of(agent, form)).kept


@pytest.mark.parametrize("mistake", ["applied_through", "held_unreached", "never_follows"])
def test_the_proposed_contract_of_a_clean_agent_is_broken_by_a_mistake(mistake: str) -> None:
    clean, planted = Agent(), Agent(mistake)
    text = inventory(clean, clean.updates).contract_text
    names: dict[str, Any] = {}
    exec(text, names)
    assert not audit(names["contract"](planted), planted.updates).kept


def test_an_inventory_restores_everything() -> None:
    agent = Agent()
    agent.update()
    random_state = torch.get_rng_state()
    inventory(agent, agent.update)
    assert torch.equal(random_state, torch.get_rng_state())
    twin = Agent()
    twin.update()
    agent.update()
    twin.update()
    for name in ("actor", "critic", "encoder", "target"):
        pairs = zip(
            getattr(agent, name).parameters(), getattr(twin, name).parameters(), strict=True
        )
        assert all(torch.equal(one, other) for one, other in pairs)


def test_modules_are_found_without_a_source() -> None:
    actor, critic = network(3, 1), network(4, 1)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)

    def loss() -> Tensor:
        states = torch.ones(4, 3)
        return critic(torch.cat([states, actor(states).detach()], dim=1)).square().mean()

    def update() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    survey = inventory(None, update)
    assert survey.contract.modules == {"critic": critic, "actor": actor}
    assert survey.contract.optimizers == {"optimizer": optimizer}
    assert set(survey.roots) == {"actor", "critic", "optimizer"}
    assert audit(proposed(survey), update).kept


class Nested:
    """Networks in lists, dicts and modules, with a tied encoder."""

    def __init__(self) -> None:
        encoder = network(3, 4)
        self.nets = {"actor": nn.Sequential(encoder, network(4, 1))}
        self.critics = [nn.Sequential(encoder, network(4, 1)) for _ in range(2)]
        self.log_alpha = torch.zeros(1, requires_grad=True)
        parts = nn.ModuleDict({"reward": network(3, 1), "dynamics": network(3, 3)})
        self.model = parts
        self.optimizers = {
            "critics": torch.optim.Adam(nn.ModuleList(self.critics).parameters()),
            "alpha": torch.optim.Adam([self.log_alpha]),
            "model": torch.optim.Adam(parts.parameters()),
        }

    def update(self) -> None:
        states = torch.ones(4, 3)
        losses = {
            "critics": sum(each(states).square().mean() for each in self.critics),
            "alpha": self.log_alpha.exp() * self.nets["actor"](states).detach().mean(),
            "model": sum(each(states).square().mean() for each in self.model.values()),
        }
        for name, loss in losses.items():
            self.optimizers[name].zero_grad()
            loss.backward()
            self.optimizers[name].step()


def test_nested_and_tied_modules_are_named_apart() -> None:
    agent = Nested()
    survey = inventory(agent, agent.update)
    assert set(survey.contract.modules) == {
        "actor",
        "critics[0]",
        "critics[1]",
        "log_alpha",
        "reward",
        "dynamics",
        "actor[0]",
    }
    assert survey.contract.shared == {"actor[0]": ("actor", "critics[0]", "critics[1]")}
    assert survey["update/alpha", "log_alpha"].grade == Grade.MOVED
    assert survey["update/model", "log_alpha"].grade == Grade.NOTHING
    assert audit(proposed(survey), agent.update).kept


def test_a_joint_backward_pass_is_proposed_as_one_part() -> None:
    actor, critic = network(3, 1), network(3, 1)
    first, second = (torch.optim.SGD(each.parameters(), lr=0.1) for each in (actor, critic))

    def update() -> None:
        states = torch.ones(4, 3)
        first.zero_grad()
        second.zero_grad()
        (actor(states) + critic(states)).square().mean().backward()
        first.step()
        second.step()

    survey = inventory({"actor": actor, "critic": critic, "a": first, "c": second}, update)
    assert list(survey.contract.updates["update"].split) == ["a+c"]
    assert audit(proposed(survey), update).kept


def test_a_twin_view_is_no_bootstrap() -> None:
    encoder = network(3, 4)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)

    def update() -> None:
        one, other = encoder(torch.ones(4, 3)), encoder(torch.zeros(4, 3))
        optimizer.zero_grad()
        (one - other).square().mean().backward()
        optimizer.step()

    assert inventory(None, update).warnings == []


def test_accumulated_gradients_are_no_warning() -> None:
    net = network(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def update() -> None:
        optimizer.zero_grad()
        for _ in range(3):
            net(torch.ones(4, 3)).square().mean().backward()
        optimizer.step()

    assert inventory(None, update).warnings == []


def test_the_report_has_table_warnings_and_contract() -> None:
    agent = Agent("stepped_twice")
    survey = inventory(agent, agent.updates)
    summary = survey.summary()
    for part in (
        "Polyak from critic (tau 0.05)",
        "Warnings (1):",
        "    at: ",
        survey.contract_text,
    ):
        assert part in summary
    content = json.loads(survey.to_json())
    assert content["contract"] == survey.contract_text
    assert [each["kind"] for each in content["warnings"]] == ["stepped_twice"]


@pytest.mark.parametrize(
    ("source", "updates", "message"),
    [
        (ActorCritic(), None, "updates: None is not allowed"),
        (ActorCritic(), {}, "updates: {} is not allowed"),
        (ActorCritic(), {"update": 3}, r"updates\['update'\]: 3 is not allowed"),
        (object(), {"update": print}, "source: <object .*> is not allowed"),
    ],
)
def test_a_wrong_argument_is_one_sentence(source: Any, updates: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        inventory(source, updates)


def test_an_error_of_an_update_is_raised_after_everything_is_restored() -> None:
    agent = Agent()
    before = copy.deepcopy(agent.critic.state_dict())

    def update() -> None:
        agent.update()
        raise KeyError("batch")

    with pytest.raises(KeyError):
        inventory(agent, update)
    assert all(
        torch.equal(before[name], value) for name, value in agent.critic.state_dict().items()
    )


class Owner(nn.Module):
    """Module that holds its own optimizer, beside a list of its parts and a helper."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = network(3, 1)
        self.layers_again = [self.layer]
        self.helpers = {"bonus": network(3, 1)}
        self.optimizer = torch.optim.SGD(self.layer.parameters(), lr=0.1)

    def update(self) -> None:
        self.optimizer.zero_grad()
        (self.layer(torch.ones(2, 3)) + self.helpers["bonus"](torch.ones(2, 3))).sum().backward()
        self.optimizer.step()


def test_attributes_of_modules_are_searched() -> None:
    agent = SimpleNamespace(critic=Owner())
    survey = inventory(agent, agent.critic.update)
    assert survey.roots == {"agent": agent}
    assert '"optimizer": agent.critic.optimizer' in survey.contract_text
    assert survey.contract.modules == {
        "critic": agent.critic,
        "bonus": agent.critic.helpers["bonus"],
    }
    assert survey["update", "critic"].movers == ("optimizer: gradient",)
