"""Environment wrapper: results are converted or refused, and faults are one sentence."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray

from ddpg.config.fields import shorten
from ddpg.environments.statistics import load_statistics
from ddpg.errors import EnvironmentFaultError, RunWarning

LARGEST = np.float64(np.finfo(np.float32).max)
"""Largest number that the float32 replay can store. A comparison with it is False for NaN.

A NumPy number, since Python's would be rounded to infinity beside a float16.
"""


class CheckedEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper whose observations, rewards and flags have the types that replay needs.

    An observation is a new array with shape and dtype of the space, a reward is a float, a flag is
    a bool, and `info` has only the numbers that are logged. A result that cannot be converted
    without a change is a fault.

    Args:
        env: environment with a Box observation space.
        member: index of its member; None while evaluating.
        log_info: names in `info` whose numbers are logged.

    Raises:
        EnvironmentFaultError: by `reset`, `step` and `render`: the environment raised, ended the
            program, or returned something that replay cannot store.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        member: int | None = None,
        log_info: Sequence[str] = (),
    ):
        super().__init__(env)
        self.member = member
        self._log_info = log_info
        assert isinstance(env.observation_space, Box)
        self._space = env.observation_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        try:
            result = self.env.reset(seed=seed, options=options)
        except KeyboardInterrupt:
            raise
        # The user's code: any other exception can come out of it, SystemExit too.
        except BaseException as error:
            raise self._raised(error) from error
        if not (isinstance(result, tuple) and len(result) == 2):
            raise self._wrong("from reset", result, "(observation, info)")
        return self._observation(result[0]), {}

    def step(self, action: Any) -> Any:
        try:
            result = self.env.step(action)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._raised(error) from error
        if not (isinstance(result, tuple) and len(result) == 5):
            allowed = "(observation, reward, terminated, truncated, info)"
            raise self._wrong("from step", result, allowed)
        observation, reward, terminated, truncated, info = result
        return (
            self._observation(observation),
            self._reward(reward),
            self._flag("terminated", terminated),
            self._flag("truncated", truncated),
            # A vector environment joins those of all members, and would fail if their types or
            # shapes differ.
            self._logged(info) if self._log_info else {},
        )

    def render(self) -> Any:
        try:
            return self.env.render()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._raised(error) from error

    def freeze_statistics(self, text: str) -> None:
        """Load the statistics of normalizing wrappers; they are not updated any more.

        Raises:
            EnvironmentFaultError: they are not those of its wrappers.
        """
        try:
            load_statistics(self.env, text, frozen=True)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise self._fault(
                f"cannot load its stored statistics: {description(error)}; allowed: those of its "
                "normalizing wrappers"
            ) from error

    def close(self) -> None:
        """Close the environment; an error is a RunWarning, since the results are complete."""
        try:
            self.env.close()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            fault = f"{self._raised(error)} when it was closed"
            warnings.warn(fault, RunWarning, stacklevel=2)

    def _observation(self, observation: Any) -> NDArray[Any]:
        """Return a copy of `observation`, since the environment may change its own in place."""
        # The common case first: one comparison of bounds and one copy.
        array, space = observation, self._space
        if not (type(array) is np.ndarray and array.dtype == space.dtype):
            array = self._numbers("an observation", observation)
        if array.shape != space.shape:
            raise self._fault(
                f"returned an observation of shape {array.shape}; allowed: {space.shape}"
            )
        storable = np.abs(array) <= LARGEST
        if np.count_nonzero(storable) < storable.size:
            raise self._fault(f"returned an observation with {float(array[~storable][0])}")
        converted = array.astype(space.dtype)
        if array.dtype != space.dtype:
            kept = np.isfinite(converted) if space.dtype.kind == "f" else converted == array
            if not kept.all():
                value = array[~kept].flat[0].item()
                raise self._fault(
                    f"returned an observation with {value}; allowed: values of {space.dtype}, the "
                    "dtype of its space"
                )
        return converted

    def _reward(self, reward: Any) -> float:
        number = reward if type(reward) is float else self._number("the reward", reward, "")
        if not -LARGEST <= number <= LARGEST:
            raise self._fault(f"returned the reward {shorten(reward)}")
        return number

    def _flag(self, name: str, value: Any) -> bool:
        if type(value) is bool:
            return value
        number = self._number(name, value, "true or false")
        if number not in (0, 1):
            raise self._wrong(name, value, "true or false")
        return bool(number)

    def _logged(self, info: Any) -> dict[str, float]:
        """Return the numbers of `info` that are logged."""
        if not isinstance(info, Mapping):
            raise self._wrong("info", info, "a mapping of names to values")
        numbers = {
            name: self._number(f"info {name!r}", info[name], "a number")
            for name in self._log_info
            if name in info
        }
        for name, number in numbers.items():
            if np.isinf(number):
                raise self._fault(f"returned info {name!r} with {number}")
        return numbers

    def _number(self, name: str, value: Any, allowed: str) -> float:
        """Return the one number that `value` is or holds."""
        try:
            numbers = self._numbers(name, value)
        except EnvironmentFaultError as error:
            raise self._wrong(name, value, allowed) from error
        if numbers.size != 1:
            raise self._wrong(name, value, allowed)
        return float(numbers.item())

    def _numbers(self, name: str, value: Any) -> NDArray[Any]:
        """Return `value` as an array of numbers, without converting text or objects."""
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu()
        try:
            array = np.asarray(value)
        # Lists of different lengths, or an object of the user.
        except Exception as error:
            raise self._fault(f"returned {name} that is not an array of numbers") from error
        if array.dtype.kind not in "biuf":
            raise self._fault(
                f"returned {name} of dtype {array.dtype}; allowed: real numbers of one shape"
            )
        return array

    def _wrong(self, name: str, value: Any, allowed: str) -> EnvironmentFaultError:
        is_tuple = isinstance(value, tuple)
        what = f"a tuple of {len(value)}" if is_tuple else _shortened(value)
        return self._fault(f"returned {name} {what}" + (allowed and f"; allowed: {allowed}"))

    def _raised(self, error: BaseException) -> EnvironmentFaultError:
        return self._fault(f"raised {description(error)}")

    def _fault(self, what: str) -> EnvironmentFaultError:
        return EnvironmentFaultError(what, self.member)


def description(error: BaseException) -> str:
    """Return the type of an error and its message, in one line."""
    try:
        reason = " ".join(str(error).split())
    # The user's code may raise here too.
    except Exception:
        reason = "(its message cannot be read)"
    return f"{type(error).__name__}: {reason}"


def _shortened(value: Any) -> str:
    try:
        return shorten(value)
    except Exception:
        return f"a {type(value).__name__}"
