"""Gymnasium's Pendulum-v1 for many members at once, in NumPy, equal to the bit."""

import json
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control import PendulumEnv
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

_DEFAULT_RESET = {"x_init": np.pi, "y_init": 1.0}
"""Half-widths of the first angle, in radians, and velocity, in radians a second."""

Stepped = tuple[
    NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
]


class PendulumVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.floating], NDArray[Any]]):
    """Pendulum-v1, `num_envs` times: what `SyncVectorEnv` over Gymnasium's own gives, to the bit.

    Source: https://gymnasium.farama.org/environments/classic_control/pendulum/

    Args:
        num_envs: how many.
        max_episode_steps: steps after which an episode is truncated.
        g: gravity, in metres a second squared.
        autoreset_mode: when an episode that has ended begins anew.

    Raises:
        ValueError: the mode is DISABLED, which this environment does not have.
    """

    def __init__(
        self,
        num_envs: int,
        max_episode_steps: int = 200,
        g: float = 10.0,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    ):
        if autoreset_mode is AutoresetMode.DISABLED:
            raise ValueError(f"autoreset_mode is {autoreset_mode}; allowed: NEXT_STEP, SAME_STEP")
        single = PendulumEnv(g=g)
        self.num_envs = num_envs
        self.max_episode_steps = max_episode_steps
        self.metadata = {**single.metadata, "autoreset_mode": autoreset_mode}
        self.single_observation_space = single.observation_space
        self.single_action_space = single.action_space
        self.observation_space = batch_space(single.observation_space, num_envs)
        self.action_space = batch_space(single.action_space, num_envs)
        self.dt, self.max_speed, self.max_torque = single.dt, single.max_speed, single.max_torque
        # 3g/2l and 3/ml² of the equation of motion, at Gymnasium's m = l = 1.
        self.gravity_pull, self.torque_push = 3 * g / (2 * single.l), 3.0 / (single.m * single.l**2)
        self.same_step = autoreset_mode is AutoresetMode.SAME_STEP
        self.generators = [np_random()[0] for _ in range(num_envs)]
        self.angle, self.velocity = np.zeros((2, num_envs))
        self.elapsed = np.zeros(num_envs, np.int64)
        self.begins_anew = np.zeros(num_envs, np.bool_)
        """The members whose next step is a reset, in the mode NEXT_STEP."""

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every environment: observations `[member, 3]`.

        Args:
            seed: one an environment, or that of the first, the next ones having seed + 1, …
            options: `x_init` and `y_init`, half-widths of the first angle and velocity.
        """
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed
        for member, each in enumerate(seeds or []):
            if each is not None:
                self.generators[member] = np_random(each)[0]
        self.begins_anew[:] = False
        self._begin(range(self.num_envs), **(options or {}))
        return self._observation(), {}

    def step(self, actions: NDArray[np.floating]) -> Stepped:
        """Apply torques `[member, 1]`, in newton metres."""
        torque = np.minimum(np.maximum(actions[:, 0], -self.max_torque), self.max_torque)
        angle = (self.angle + np.pi) % (2 * np.pi) - np.pi
        # Gymnasium squares scalars, by the C library's pow, and NumPy arrays by a product, which
        # rounds otherwise once in a thousand times; float_power calls pow, in double precision.
        effort = np.array([each**2 for each in torque])
        reward = -(
            np.float_power(angle, 2) + 0.1 * np.float_power(self.velocity, 2) + 0.001 * effort
        )
        acceleration = self.gravity_pull * np.sin(self.angle) + self.torque_push * torque
        velocity = self.velocity + acceleration * self.dt
        self.velocity = np.minimum(np.maximum(velocity, -self.max_speed), self.max_speed)
        self.angle = self.angle + self.velocity * self.dt
        self.elapsed += 1
        if np.count_nonzero(self.begins_anew):
            self._begin(np.flatnonzero(self.begins_anew))
            reward[self.begins_anew] = 0.0
        truncated = self.elapsed >= self.max_episode_steps
        observation, info = self._observation(), {}
        if self.same_step and np.count_nonzero(truncated):
            info = _final(observation, truncated)
            self._begin(np.flatnonzero(truncated))
            observation = self._observation()
        elif not self.same_step:
            self.begins_anew = truncated.copy()
        return observation, reward, np.zeros(self.num_envs, np.bool_), truncated, info

    def state_dict(self) -> dict[str, list[Any]]:
        """Everything that the coming steps depend on, as JSON holds it."""
        return {
            "angle": self.angle.tolist(),
            "velocity": self.velocity.tolist(),
            "elapsed": self.elapsed.tolist(),
            "begins_anew": self.begins_anew.tolist(),
            "generators": [json.dumps(g.bit_generator.state) for g in self.generators],
        }

    def load_state_dict(self, state: dict[str, list[Any]]) -> None:
        """Take up what `state_dict` returned.

        Raises:
            KeyError: `state` is another.
            ValueError: it is another, or of another number of environments.
        """
        self.angle = self._each(state["angle"], np.float64)
        self.velocity = self._each(state["velocity"], np.float64)
        self.elapsed = self._each(state["elapsed"], np.int64)
        self.begins_anew = self._each(state["begins_anew"], np.bool_)
        for generator, text in zip(self.generators, state["generators"], strict=True):
            generator.bit_generator.state = json.loads(text)

    def _each(self, values: list[Any], dtype: Any) -> NDArray[Any]:
        """`values` as an array `[member]`."""
        array = np.array(values, dtype) if isinstance(values, list) else np.zeros(())
        if array.shape != (self.num_envs,):
            raise ValueError(f"there are {self.num_envs} environments, and no list of so many")
        return array

    def _begin(self, members: Any, **options: float) -> None:
        """New episodes for `members`, each drawn by its own generator."""
        bounds = {**_DEFAULT_RESET, **options}
        high = np.array([float(bounds["x_init"]), float(bounds["y_init"])])
        for member in members:
            self.angle[member], self.velocity[member] = self.generators[member].uniform(-high, high)
            self.elapsed[member] = 0

    def _observation(self) -> NDArray[np.float32]:
        observation = np.empty((self.num_envs, 3), np.float32)
        observation[:, 0] = np.cos(self.angle)
        observation[:, 1] = np.sin(self.angle)
        observation[:, 2] = self.velocity
        return observation


def register() -> None:
    """Make it what `gymnasium.make_vec("Pendulum-v1")` calls, unless somebody named another."""
    spec = gymnasium.spec("Pendulum-v1")
    if spec.vector_entry_point is None:
        spec.vector_entry_point = f"{__name__}:{PendulumVectorEnv.__name__}"


def _final(observation: NDArray[np.float32], ended: NDArray[np.bool_]) -> dict[str, Any]:
    """What Gymnasium tells of episodes that ended in a step which begins the next ones."""
    final = np.full(len(ended), None, object)
    for member in np.flatnonzero(ended):
        final[member] = observation[member]
    return {"final_obs": final, "_final_obs": ended.copy(), "final_info": {}, "_final_info": ended}
