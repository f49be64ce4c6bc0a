"""Steps are transitions with true last observations; actions keep their bounds."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.vector import SyncVectorEnv

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.environments.creation import make_environment
from ddpg.environments.pendulum import PendulumVectorEnv
from ddpg.environments.spaces import ActionScale
from ddpg.environments.vector import Environments
from ddpg.errors import ConfigError, EnvironmentFaultError
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch, ReplayBuffer


@pytest.mark.parametrize(
    ("name", "terminated", "ended"),
    [("Terminates", True, True), ("Truncates", False, True), ("Both", True, True)],
)
def test_the_last_step_of_an_episode(name, terminated, ended):
    environments = Environments(f"ddpg-tests/{name}-v0", 2, {})
    environments.reset([0, 1])
    steps = []
    for number in range(9):
        before = environments.observation.copy()
        transition = environments.step(np.full((2, 1), 0.5))
        steps.append((before[0].tolist(), transition.next_observation[0].tolist()))
        last = number % 4 == 3
        assert transition.terminated.tolist() == [terminated and last] * 2
        assert transition.ended.tolist() == [ended and last] * 2
        assert transition.reward.tolist() == [0.5, 0.5]
    # Every transition is from step t to t + 1 of one episode.
    expected = [([e, t], [e, t + 1]) for e in range(3) for t in range(4)]
    assert steps == [tuple(map(list, pair)) for pair in expected[:9]]


@pytest.mark.parametrize(
    ("name", "bootstraps"), [("Terminates", False), ("Truncates", True), ("Both", False)]
)
def test_truncation_bootstraps_and_termination_does_not(name, bootstraps):
    environments = Environments(f"ddpg-tests/{name}-v0", 1, {})
    environments.reset([0])
    streams = RandomStreams.from_seeds([0])
    device = torch.device("cpu")
    replay = ReplayBuffer(streams.replay, 100, 2, 1, device)
    action = np.full((1, 1), 0.5, np.float32)
    for _ in range(4):
        observation = environments.observation
        step = environments.step(action)
        replay.add(observation, action, step.reward, step.next_observation, step.terminated)
    last = Batch(*replay.rows[:, 3:4].split(replay.widths, dim=-1))
    agent = DDPG(Config(gamma=0.9, hidden=(8,)), 2, 1, streams.weights, device)
    target = agent.critic_loss(last)[2].item()
    bootstrap = agent.bootstrap(torch.tensor([[[0.0, 4.0]]])).item()
    assert bootstrap != 0
    assert target == pytest.approx(0.5 + (0.9 * bootstrap if bootstraps else 0.0), abs=1e-6)


def test_actions_reach_asymmetric_bounds_and_never_leave_them():
    environments = Environments("ddpg-tests/Asymmetric-v0", 1, {})
    environments.reset([0])
    scale = environments.scale
    assert scale.to_environment(np.array([-1.0, -1.0])).tolist() == [-1.0, 0.0]
    assert scale.to_environment(np.array([1.0, 1.0])).tolist() == [3.0, 10.0]
    assert scale.to_environment(np.array([0.0, 0.5])).tolist() == [1.0, 7.5]
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 1, 2)):
        environments.step(action)


def test_rounding_does_not_move_an_action_out_of_its_bounds():
    space = Box(np.float32(0.1), np.float32(0.7), (2,), np.float32)
    scale = ActionScale(space)
    for action in (-1.0, 1.0):
        assert space.contains(scale.to_environment(np.full(2, action)))


def test_members_have_their_own_seeds():
    together, alone = Environments("Pendulum-v1", 3, {}), Environments("Pendulum-v1", 1, {})
    together.reset([3, 4, 5])
    alone.reset([5])
    for _ in range(250):
        action = np.random.default_rng(0).uniform(-1, 1, (3, 1))
        left, right = together.step(action), alone.step(action[2:])
        assert np.array_equal(left.next_observation[2], right.next_observation[0])
        assert left.reward[2] == right.reward[0]
    assert not np.array_equal(together.observation[0], together.observation[2])


@pytest.mark.filterwarnings("ignore:.*A Box action space:UserWarning")
@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("ddpg-tests/Unbounded-v0", {}, "infinite bound is not allowed; allowed: finite bounds"),
        ("ddpg-tests/Flat-v0", {}, "low not below high"),
        ("CartPole-v1", {}, "allowed: a one-dimensional Box of floats"),
        ("Blackjack-v1", {}, "FlattenObservation"),
        ("Pendulun-v1", {}, "Did you mean: `Pendulum`"),
        ("no_such_module:Pendulum-v1", {}, "No module named 'no_such_module'"),
        ("Pendulum-v1", {"gravity": 9.81}, "unexpected keyword argument 'gravity'"),
    ],
)
def test_environments_that_cannot_be_used(name, options, sentence):
    for create in (lambda: Environments(name, 2, options), lambda: make_environment(name, options)):
        with pytest.raises(ConfigError, match=sentence):
            create()


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("Pendulum-v1", {}, PendulumVectorEnv),
        ("Pendulum-v1", {"g": 9.81, "max_episode_steps": 5}, PendulumVectorEnv),
        ("gymnasium:Pendulum-v1", {}, PendulumVectorEnv),
        # The vector entry point does not have this option.
        ("Pendulum-v1", {"disable_env_checker": True}, SyncVectorEnv),
        ("ddpg-tests/Truncates-v0", {}, SyncVectorEnv),
    ],
)
def test_a_vector_entry_point_is_used_if_it_supports_the_options(name, options, kind):
    environments = Environments(name, 2, options)
    assert type(environments.vector) is kind
    environments.reset([0, 1])
    ends = [environments.step(np.zeros((2, 1))).ended.all() for _ in range(5)]
    assert ends[-1] == (options.get("max_episode_steps") == 5)


def test_a_vector_entry_point_without_the_mode_is_not_used():
    entry_point = gymnasium.spec("CartPole-v1").vector_entry_point
    assert entry_point is not None
    gymnasium.register(
        "ddpg-tests/NextStep-v0",
        "tests.environments.registered:Counting",
        vector_entry_point=entry_point,
    )
    try:
        assert type(Environments("ddpg-tests/NextStep-v0", 2, {}).vector) is SyncVectorEnv
    finally:
        del gymnasium.registry["ddpg-tests/NextStep-v0"]


def test_options_reach_the_environment():
    assert make_environment("LunarLander-v3", {"continuous": True}).action_space.shape == (2,)


NAMES = ["Pendulum-v1", "MountainCarContinuous-v0", "ddpg-tests/Faulty-v0", "LunarLander-v3"]


@pytest.mark.parametrize("timeout", [0.0, 60.0])
@pytest.mark.parametrize("name", NAMES)
def test_environments_restored_in_mid_episode_continue_equal(name: str, timeout: float) -> None:
    options = {"continuous": True} if name == "LunarLander-v3" else {}
    original, restored = (Environments(name, 2, options, timeout) for _ in range(2))
    generator = np.random.default_rng(0)
    original.reset([3, 4])
    for _ in range(230):
        original.step(generator.uniform(-1, 1, (2, original.action_dim)))
    assert restored.load_state_dict(original.state_dict(), [0, 1]) == []
    assert np.array_equal(original.observation, restored.observation)
    for _ in range(230):
        action = generator.uniform(-1, 1, (2, original.action_dim))
        for one, other in zip(original.step(action), restored.step(action), strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(original.observation, restored.observation)
    original.close()
    restored.close()


def test_an_environment_that_cannot_be_restored_starts_a_new_episode() -> None:
    """Its count of episodes does not follow from random state and actions."""
    original, restored = (Environments("ddpg-tests/Truncates-v0", 2, {}) for _ in range(2))
    original.reset([0, 1])
    for _ in range(6):
        original.step(np.zeros((2, 1)))
    assert restored.load_state_dict(original.state_dict(), [5, 6]) == [0, 1]
    assert restored.observation.tolist() == [[1.0, 0.0], [1.0, 0.0]]
    restored.step(np.zeros((2, 1)))
    # The new episode is recorded like any other.
    assert restored.state_dict()["episodes"][0]["seed"] == 5
    assert len(restored.state_dict()["episodes"][0]["actions"]) == 1


def test_another_kind_of_vector_environment_starts_new_episodes() -> None:
    original, restored = (
        Environments("Pendulum-v1", 2, {}),
        Environments("Pendulum-v1", 2, {}, 60.0),
    )
    original.reset([0, 1])
    assert restored.load_state_dict(original.state_dict(), [5, 6]) == [0, 1]
    restored.step(np.zeros((2, 1)))
    restored.close()


def test_nan_from_a_vector_environment_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    environments = Environments("Pendulum-v1", 3, {})
    environments.reset([0, 1, 2])
    step = environments.vector.step

    def spoiled(action: np.ndarray) -> tuple[object, ...]:
        observation, *rest = step(action)
        observation[1, 2] = np.nan
        return observation, *rest

    monkeypatch.setattr(environments.vector, "step", spoiled)
    with pytest.raises(EnvironmentFaultError, match="member 1 returned an observation with nan"):
        environments.step(np.zeros((3, 1)))
