"""Scores of a finished run: returns of its deterministic policies, with confidence intervals."""

import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.config.types import EnvironmentSource
from ddpg.errors import ConfigError, RunWarning
from ddpg.evaluation.confidence import bootstrap_interval, has_scipy, interquartile_mean
from ddpg.evaluation.episodes import EvaluationProgress, Evaluator
from ddpg.evaluation.policy import load_actor, load_best_actor
from ddpg.runs.folder import RunFolder

FIRST_SEED = 10_000
"""Default of the first seed: episode i starts from `reset(seed=FIRST_SEED + i)`."""


@dataclass(frozen=True)
class MemberScore:
    """Returns of one member, with their mean and interquartile mean."""

    seed: int
    mean: float
    returns: list[float]
    """Undiscounted return per episode, in the environment's units."""
    step: int
    """Environment steps of training."""

    @cached_property
    def iqm(self) -> float:
        """Interquartile mean of the returns. It needs SciPy (extra `report`)."""
        return float(interquartile_mean(np.array(self.returns)))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the interquartile mean. It needs SciPy (extra `report`)."""
        _, low, high = bootstrap_interval([np.array(self.returns)], interquartile_mean)
        return float(low), float(high)


@dataclass(frozen=True)
class Evaluation:
    """Scores of every member of a run; `scripts/evaluate.py` prints them."""

    run: str
    env: str
    step: int
    """Environment steps of training; of several policies, the most."""
    episodes: int
    first_seed: int
    mean: float
    """Mean of the members' means."""
    members: list[MemberScore]

    @cached_property
    def iqm(self) -> float:
        """Interquartile mean of the members' means. It needs SciPy (extra `report`)."""
        return float(interquartile_mean(np.array([member.mean for member in self.members])))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; interquartile means and intervals only with SciPy."""
        plain = asdict(self)
        members = plain.pop("members")
        if has_scipy():
            plain["iqm"] = self.iqm
            for values, member in zip(members, self.members, strict=True):
                values |= {"iqm": member.iqm, "interval": member.interval}
        return {**plain, "members": members}


def evaluate(
    run: str | Path,
    episodes: int = 100,
    first_seed: int = FIRST_SEED,
    env: EnvironmentSource | None = None,
    max_steps: int | None = None,
    report: Callable[[EvaluationProgress], None] | None = None,
    best: bool = False,
) -> Evaluation:
    """Score the deterministic policy of every member still in the run, from its newest checkpoint.

    Args:
        run: the run's folder.
        episodes: episodes per member.
        first_seed: episode i starts from `reset(seed=first_seed + i)`.
        env: needed for a run whose environment is `module:id` or a callable: that name or callable
            again, since a file must not import modules.
        max_steps: steps after which an episode is cut off, with a RunWarning; None: the run's
            `evaluation_max_steps`.
        report: called after each step of the episodes.
        best: score the policy of each member's best evaluation instead.

    Raises:
        ConfigError: `run` is not a run folder, an argument is not allowed, or `env` is missing.
        CheckpointError: there is no checkpoint, or it cannot be read.
        EnvironmentFaultError: an environment did something wrong.
    """
    if episodes < 1:
        raise ConfigError(f"episodes: {episodes} is not allowed; allowed: a whole number ≥ 1")
    if first_seed < 0:
        raise ConfigError(f"seed: {first_seed} is not allowed; allowed: a whole number ≥ 0")
    if max_steps is not None and max_steps < 1:
        raise ConfigError(f"max_steps: {max_steps} is not allowed; allowed: a whole number ≥ 1")
    folder = RunFolder(Path(run))
    # Refuses a file that would import a module.
    config = folder.load_config(env)
    stored = (load_best_actor if best else load_actor)(folder, env)

    def policies(observation: NDArray[np.float32]) -> NDArray[np.floating]:
        with torch.no_grad():
            # The policy of a dropped member can return NaN, which an environment may reject.
            return stored.actor(torch.from_numpy(observation)).nan_to_num().numpy()

    limit = max_steps or config.evaluation_max_steps
    places = (episodes, first_seed, config.environment_timeout, limit, report)
    with closing(Evaluator(config.env, config.env_options, *places)) as evaluator:
        result = evaluator.run(policies, config.members, statistics=stored.statistics)
    if cut_off := result.cut_off_sentence(limit):
        warnings.warn(cut_off, RunWarning, stacklevel=2)
    returns = result.returns
    alive = np.flatnonzero(stored.alive).tolist()
    means = returns[alive].mean(axis=1)
    return Evaluation(
        run=folder.path.resolve().name,
        env=config.env_name,
        step=max(stored.steps[member] for member in alive),
        episodes=episodes,
        first_seed=first_seed,
        mean=float(means.mean()),
        members=[
            score(config.seed + member, returns[member], stored.steps[member]) for member in alive
        ],
    )


def score(seed: int, returns: NDArray[np.float64], step: int) -> MemberScore:
    """Return the score of one member's `returns` `[episode]` at environment step `step`."""
    return MemberScore(seed, float(returns.mean()), returns.tolist(), step)
