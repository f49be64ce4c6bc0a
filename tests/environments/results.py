"""Environments whose results have odd types, and environments that change the process.

`Plain` observes `[episode, step]`, ends each fourth step, and has a reward of 1. A case replaces
one of its methods. Each lambda gets the environment.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box

LENGTH = 4
STEP = 10
"""Step, counted over all episodes, of a fault that is not there from the start."""


class Plain(gymnasium.Env[Any, Any]):
    """Environment with the methods of a case.

    Args:
        observe: returns the observation; the default is `[episode, step]`.
        reward: returns the reward.
        flag: returns `terminated`, given whether the episode ends.
        act: called before each step.
        reset: called before each reset.
        info: returns `info`.
        close: called by `close`.
        space: space of the observations.
    """

    def __init__(self, space: Box | None = None, **methods: Callable[..., Any]):
        self.observation_space = space or Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = Box(-1, 1, (1,), np.float32)
        self.methods = methods
        self.episode, self.t, self.total = -1, 0, 0
        self.buffer = np.zeros(2, np.float32)

    def call(self, name: str, default: Any, *arguments: Any) -> Any:
        """Return the result of a method of the case, or the default."""
        return self.methods[name](self, *arguments) if name in self.methods else default

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed, options=options)
        self.episode, self.t = self.episode + 1, 0
        self.call("reset", None)
        return self.observation(), {}

    def step(self, action: Any) -> Any:
        self.t, self.total = self.t + 1, self.total + 1
        self.call("act", None, action)
        ends = self.t == LENGTH
        reward = self.call("reward", 1.0)
        flag = self.call("flag", ends, ends)
        return self.observation(), reward, flag, False, self.call("info", {})

    def observation(self) -> Any:
        """Return the observation."""
        return self.call("observe", np.array([self.episode, self.t], np.float32))

    def pair(self, dtype: Any = np.float32) -> Any:
        """Return the default observation with another dtype."""
        return np.array([self.episode, self.t], dtype)

    def in_place(self) -> Any:
        """Return the same array each time, changed in place."""
        self.buffer[:] = self.episode, self.t
        return self.buffer

    def later(self, value: Any, otherwise: Any) -> Any:
        """Return `value` at the step of the fault."""
        return value if self.total == STEP else otherwise

    def close(self) -> None:
        self.call("close", None)


class UnreadableError(Exception):
    """Exception whose message raises."""

    def __str__(self) -> str:
        raise ValueError("no text")


def raises(error: BaseException) -> None:
    """Raise `error`."""
    raise error


def view(env: Plain) -> Any:
    """Return a read-only observation that is a part of another array."""
    array = np.zeros((4, 2), np.float32)[:, 0][::2]
    array[:] = env.pair()
    array.flags.writeable = False
    return array


INTEGERS = Box(-100, 100, (2,), np.int64)
BYTES = Box(0, 255, (2,), np.uint8)

CONVERTED: dict[str, dict[str, Any]] = {
    "plain": {},
    "observation: list": {"observe": lambda env: [float(env.episode), float(env.t)]},
    "observation: tuple": {"observe": lambda env: (env.episode, env.t)},
    "observation: tensor": {"observe": lambda env: torch.tensor(env.pair(), requires_grad=True)},
    "observation: float64": {"observe": lambda env: env.pair(np.float64)},
    "observation: float64 from step alone": {
        "observe": lambda env: env.pair(np.float64 if env.t else np.float32)
    },
    "observation: float16": {"observe": lambda env: env.pair(np.float16)},
    "observation: integers": {"observe": lambda env: env.pair(np.int32)},
    "observation: floats in a space of integers": {
        "space": INTEGERS,
        "observe": lambda env: env.pair(np.float64),
    },
    "observation: changed in place": {"observe": Plain.in_place},
    "observation: read-only view": {"observe": view},
    "reward: int": {"reward": lambda _: 1},
    "reward: bool": {"reward": lambda _: True},
    "reward: float32": {"reward": lambda _: np.float32(1)},
    "reward: array": {"reward": lambda _: np.array([1.0])},
    "reward: tensor": {"reward": lambda _: torch.tensor(1.0, requires_grad=True)},
    "flag: int": {"flag": lambda _, ends: int(ends)},
    "flag: NumPy": {"flag": lambda _, ends: np.bool_(ends)},
    "flag: array": {"flag": lambda _, ends: np.array([ends])},
    "info: None": {"info": lambda _: None},
    "info: arrays of several lengths": {"info": lambda env: {"path": np.zeros(1 + env.t)}},
    "info: several types": {"info": lambda env: {"why": "fell" if env.t == LENGTH else 0}},
    "action: changed in place": {"act": lambda _, action: action.fill(77)},
    "np_random: RandomState": {
        "reset": lambda env: setattr(env, "np_random", np.random.RandomState(0))
    },
    "np_random: another object": {"reset": lambda env: setattr(env, "np_random", random.Random(0))},
    "default dtype": {"act": lambda *_: torch.set_default_dtype(torch.float64)},
    "default device": {"act": lambda *_: torch.set_default_device("meta")},
    "gradient mode": {"act": lambda *_: torch.set_grad_enabled(False)},
    "inference mode": {"reset": lambda _: torch.inference_mode().__enter__()},
    "threads": {"act": lambda *_: torch.set_num_threads(3)},
    "deterministic mode": {"act": lambda *_: torch.set_deterministic_debug_mode("default")},
    "NumPy's errors": {"act": lambda *_: np.seterr(all="raise")},
    "global seeds": {"act": lambda *_: (torch.manual_seed(0), random.seed(0))},
    "folder": {"act": lambda *_: os.chdir(Path.home())},
    "signals": {"reset": lambda _: signal.signal(signal.SIGTERM, signal.SIG_IGN)},
}
"""Name -> methods of an environment that trains as `Plain` does."""

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "observation: ragged": (
        {"observe": lambda env: env.later([[1.0], [1.0, 2.0]], env.pair())},
        "returned an observation that is not an array of numbers",
    ),
    "observation: text": (
        {"observe": lambda env: env.later(np.array(["a", "b"]), env.pair())},
        "returned an observation of dtype <U1; allowed: real numbers of one shape",
    ),
    "observation: object": (
        {"observe": lambda env: env.later(np.array([None, 1.0], object), env.pair())},
        "returned an observation of dtype object; allowed: real numbers of one shape",
    ),
    "observation: complex": (
        {"observe": lambda env: env.later(env.pair() + 1j, env.pair())},
        "returned an observation of dtype complex64; allowed: real numbers of one shape",
    ),
    "observation: None": (
        {"observe": lambda env: env.later(None, env.pair())},
        "returned an observation of dtype object; allowed: real numbers of one shape",
    ),
    "observation: scalar": (
        {"observe": lambda env: env.later(1.0, env.pair())},
        "returned an observation of shape (); allowed: (2,)",
    ),
    "observation: column": (
        {"observe": lambda env: env.later(env.pair()[:, None], env.pair())},
        "returned an observation of shape (2, 1); allowed: (2,)",
    ),
    "observation: too large for float32": (
        {"observe": lambda env: env.later(np.array([1e39, 0]), env.pair())},
        "returned an observation with 1e+39",
    ),
    "observation: a fraction in a space of integers": (
        {"space": INTEGERS, "observe": lambda env: env.later([0.5, 0], env.pair())},
        "returned an observation with 0.5; allowed: values of int64, the dtype of its space",
    ),
    "observation: 256 in a space of bytes": (
        {"space": BYTES, "observe": lambda env: env.later([256, 0], env.pair(np.uint8))},
        "returned an observation with 256; allowed: values of uint8, the dtype of its space",
    ),
    "reward: too large for float": (
        {"reward": lambda env: env.later(10**400, 1.0)},
        "returned the reward 1000",
    ),
    "reward: text": ({"reward": lambda env: env.later("1.0", 1.0)}, "returned the reward '1.0'"),
    "reward: several": (
        {"reward": lambda env: env.later(np.ones(2), 1.0)},
        "returned the reward array([1., 1.])",
    ),
    "reward: NaN": ({"reward": lambda env: env.later(np.nan, 1.0)}, "returned the reward nan"),
    "flag: None": (
        {"flag": lambda env, ends: env.later(None, ends)},
        "returned terminated None; allowed: true or false",
    ),
    "flag: text": (
        {"flag": lambda env, ends: env.later("False", ends)},
        "returned terminated 'False'; allowed: true or false",
    ),
    "flag: NaN": (
        {"flag": lambda env, ends: env.later(np.nan, ends)},
        "returned terminated nan; allowed: true or false",
    ),
    "exits with 0": (
        {"act": lambda env, _: env.total == STEP and sys.exit(0)},
        "raised SystemExit: 0",
    ),
    "exits with a message": (
        {"act": lambda env, _: env.total == STEP and sys.exit("the licence\nhas expired")},
        "raised SystemExit: the licence has expired",
    ),
    "exits with an asynchronous error": (
        {"act": lambda env, _: env.total == STEP and raises(asyncio.CancelledError("gone"))},
        "raised CancelledError: gone",
    ),
    "a message that raises": (
        {"act": lambda env, _: env.total == STEP and raises(UnreadableError())},
        "raised UnreadableError: (its message cannot be read)",
    ),
}
"""Name -> methods of an environment with a fault at the step `STEP`, and the sentence about it."""
