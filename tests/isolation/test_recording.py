"""Paths that `watch` and `LiveWatch` record are those that `audit` finds in a second run."""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, LiveWatch, Report, audit, trains, watch
from ddpg.isolation.explain.recording import PathRecorder
from ddpg.isolation.observe.watcher import Watcher
from tests.isolation.agents import ActorCritic, network
from tests.isolation.test_live import Writer


class Policy(nn.Module):
    """Module whose method is called, and not the module itself."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(3, 1)

    def sample(self, states: Tensor) -> Tensor:
        return torch.tanh(self.net(states))


class Agent:
    """Losses that leak into a module called, a method called, and a tensor without a module."""

    def __init__(self) -> None:
        self.critic, self.policy = network(4, 1), Policy()
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.states = torch.ones(4, 3)

    def q(self) -> Tensor:
        return self.critic(torch.cat([self.states, self.policy.sample(self.states)], dim=1))

    def update(self) -> None:
        scale = self.log_alpha.exp()
        (scale * self.q()).mean().backward()

    def contract(self) -> Contract:
        modules = {"critic": self.critic, "policy": self.policy, "log_alpha": self.log_alpha}
        return Contract(modules=modules, updates={"update": trains("critic")})


def lines(report: Report) -> list[tuple[str, list[str]]]:
    """Return module and path of each leak; a caller within this file is not part of the path."""
    found = []
    for each in report.find(verdict="leaked", kind="written"):
        assert each.path is not None, each.no_path
        found.append((each.module, [text.split(" (called at")[0] for text in each.path.lines()]))
    return found


def watched(agent: Agent) -> Report:
    with watch(agent.contract(), dry_run=True) as watching, watching.update("update"):
        agent.update()
    return watching.report


def test_a_watch_finds_the_paths_of_an_audit() -> None:
    agent = Agent()
    recorded = lines(watched(agent))
    assert recorded == lines(audit(agent.contract(), agent.update, rounds=1))
    assert {module for module, _ in recorded} == {"policy", "log_alpha"}
    text = str(recorded)
    assert "at: tests/isolation/test_recording.py:33: return self.critic(torch.cat(" in text
    assert "at: tests/isolation/test_recording.py:36: scale = self.log_alpha.exp()" in text


def test_a_live_watch_has_paths_too() -> None:
    agent = ActorCritic()
    contract = agent.contract(updates={"actor_update": trains("actor")})
    live = LiveWatch(contract, Writer(), every=1)
    with live.update("actor_update"):
        agent.actor_update()
    assert live.report is not None
    (recorded,) = lines(live.report)
    assert recorded in lines(audit(contract, {"actor_update": agent.actor_update}, rounds=1))


def test_a_live_watch_records_no_uses_of_parameters() -> None:
    agent = Agent()
    live = LiveWatch(agent.contract(), Writer(), every=1)
    with live.update("update"):
        agent.update()
    assert live.report is not None
    assert [(name, "at:" in str(path)) for name, path in lines(live.report)] == [
        ("policy", True),
        ("log_alpha", False),
    ]


def test_a_starved_module_has_the_line_where_it_was_called() -> None:
    agent = ActorCritic()
    contract = agent.contract(updates={"critic_update": trains("critic", "actor_target")})
    with watch(contract, dry_run=True) as watching, watching.update("critic_update"):
        agent.critic_update()
    (finding,) = watching.report.find(verdict="starved", kind="reached")
    assert finding.path is not None
    assert finding.path.stop == "actor_target ran here under no_grad or inference_mode"
    assert "agents.py" in finding.path.entry


def test_paths_are_recorded_for_protected_modules_alone() -> None:
    agent = ActorCritic()
    watcher = Watcher(agent.contract(), dry_run=True)
    with watcher, PathRecorder(watcher, uses=False) as recorder:
        for name, update in agent.updates().items():
            with watcher.update(name):
                update()
    found = {(each.backward.row.update, *each.modules) for each in recorded_passes(recorder)}
    assert found == {("critic_update",), ("actor_update", "critic")}


def recorded_passes(recorder: PathRecorder) -> list:  # pyright: ignore[reportMissingTypeArgument]
    return [each for each in recorder.passes if each.first]


def test_a_mode_that_the_user_enters_meanwhile_stays() -> None:
    agent = Agent()
    device = torch.device("meta")
    with Watcher(agent.contract(), dry_run=True) as watcher:
        recorder = PathRecorder(watcher, uses=True).__enter__()
        with device:
            recorder.__exit__()
            assert torch.zeros(1).device == device
        recorder.__exit__()
    assert torch.zeros(1).device.type == "cpu"
    assert torch.overrides._get_current_function_mode() is None  # pyright: ignore[reportAttributeAccessIssue]
