"""Gymnasium's Pendulum-v1 for many members at once, in NumPy, with bit-identical results."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.envs.classic_control import PendulumEnv
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

_DEFAULT_RESET = {"x_init": np.pi, "y_init": 1.0}
"""Half-widths of the first angle, in radians, and velocity, in radians per second."""

Stepped = tuple[
    NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
]


class PendulumVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.floating], NDArray[Any]]):
    """Vector version of Pendulum-v1, bit-identical to `SyncVectorEnv` over Gymnasium's own.

    Source: https://gymnasium.farama.org/environments/classic_control/pendulum/

    Args:
        num_envs: number of environments.
        max_episode_steps: steps after which an episode is truncated.
        g: gravity, in metres per second squared.
        autoreset_mode: step in which an environment is reset after the end of its episode.

    Raises:
        ValueError: the mode is DISABLED.
    """

    def __init__(
        self,
        num_envs: int,
        max_episode_steps: int = 200,
        g: float = 10.0,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    ):
        if autoreset_mode is AutoresetMode.DISABLED:
            raise ValueError(
                f"autoreset_mode: {autoreset_mode} is not allowed; allowed: NEXT_STEP, SAME_STEP"
            )
        single = PendulumEnv(g=g)
        self.num_envs = num_envs
        self.max_episode_steps = max_episode_steps
        self.metadata = {**single.metadata, "autoreset_mode": autoreset_mode}
        self.single_observation_space = single.observation_space
        self.single_action_space = single.action_space
        self.observation_space = batch_space(single.observation_space, num_envs)
        self.action_space = batch_space(single.action_space, num_envs)
        self.dt, self.max_speed, self.max_torque = single.dt, single.max_speed, single.max_torque
        # 3g/2l and 3/ml² of the equation of motion, with Gymnasium's m = l = 1.
        self.gravity_pull, self.torque_push = 3 * g / (2 * single.l), 3.0 / (single.m * single.l**2)
        self.same_step = autoreset_mode is AutoresetMode.SAME_STEP
        self.generators = [np_random()[0] for _ in range(num_envs)]
        self.angle, self.velocity = np.zeros((2, num_envs))
        self.elapsed = np.zeros(num_envs, np.int64)
        self.needs_reset = np.zeros(num_envs, np.bool_)
        """`[member]`: the next step is a reset, in the mode NEXT_STEP."""

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode in every environment; return observations `[member, 3]`.

        Args:
            seed: one seed per environment, or the first of consecutive seeds.
            options: `x_init` and `y_init`, half-widths of the first angle and velocity.
        """
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed
        for member, each in enumerate(seeds or []):
            if each is not None:
                self.generators[member] = np_random(each)[0]
        self.needs_reset[:] = False
        self._start(range(self.num_envs), **(options or {}))
        return self._observation(), {}

    def step(self, actions: NDArray[np.floating]) -> Stepped:
        """Apply torques `[member, 1]`, in newton metres."""
        torque = np.minimum(np.maximum(actions[:, 0], -self.max_torque), self.max_torque)
        angle = (self.angle + np.pi) % (2 * np.pi) - np.pi
        # Gymnasium squares scalars with C's pow. `array ** 2` multiplies, which rounds differently
        # about once in a thousand; `float_power` calls pow.
        effort = np.array([each**2 for each in torque])
        reward = -(
            np.float_power(angle, 2) + 0.1 * np.float_power(self.velocity, 2) + 0.001 * effort
        )
        acceleration = self.gravity_pull * np.sin(self.angle) + self.torque_push * torque
        velocity = self.velocity + acceleration * self.dt
        self.velocity = np.minimum(np.maximum(velocity, -self.max_speed), self.max_speed)
        self.angle = self.angle + self.velocity * self.dt
        self.elapsed += 1
        if np.count_nonzero(self.needs_reset):
            self._start(np.flatnonzero(self.needs_reset))
            reward[self.needs_reset] = 0.0
        truncated = self.elapsed >= self.max_episode_steps
        observation, info = self._observation(), {}
        if self.same_step and np.count_nonzero(truncated):
            info = _final(observation, truncated)
            self._start(np.flatnonzero(truncated))
            observation = self._observation()
        elif not self.same_step:
            self.needs_reset = truncated.copy()
        return observation, reward, np.zeros(self.num_envs, np.bool_), truncated, info

    def state_dict(self) -> dict[str, list[Any]]:
        """Return everything that the next steps depend on, as JSON values."""
        return {
            "angle": self.angle.tolist(),
            "velocity": self.velocity.tolist(),
            "elapsed": self.elapsed.tolist(),
            "begins_anew": self.needs_reset.tolist(),
            "generators": [json.dumps(g.bit_generator.state) for g in self.generators],
        }

    def load_state_dict(self, state: dict[str, list[Any]]) -> None:
        """Load a result of `state_dict`.

        Raises:
            KeyError: a part is missing.
            ValueError: a part is invalid, or has another number of environments.
        """
        self.angle = self._array(state["angle"], np.float64)
        self.velocity = self._array(state["velocity"], np.float64)
        self.elapsed = self._array(state["elapsed"], np.int64)
        self.needs_reset = self._array(state["begins_anew"], np.bool_)
        for generator, text in zip(self.generators, state["generators"], strict=True):
            generator.bit_generator.state = json.loads(text)

    def _array(self, values: list[Any], dtype: Any) -> NDArray[Any]:
        """Return `values` as an array `[member]`."""
        array = np.array(values, dtype) if isinstance(values, list) else np.zeros(())
        if array.shape != (self.num_envs,):
            raise ValueError(f"not one value per environment ({self.num_envs})")
        return array

    def _start(self, members: Any, **options: float) -> None:
        """Start new episodes for `members`, each with its own generator."""
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


def _final(observation: NDArray[np.float32], ended: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the `info` of Gymnasium for episodes that end and restart in the same step."""
    final = np.full(len(ended), None, object)
    for member in np.flatnonzero(ended):
        final[member] = observation[member]
    return {"final_obs": final, "_final_obs": ended.copy(), "final_info": {}, "_final_info": ended}
