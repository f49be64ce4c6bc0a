"""Time from the command to a solved Pendulum, including start-up, with cold compiler caches.

Solved: the deterministic policy's mean return over the 100 evaluation seeds is at least −150. Every
subject is evaluated at the same environment steps, with its clock stopped.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report.tables import MeasuredTable, spread
from benchmarks.timing.clock import Finished
from benchmarks.timing.processes import run_child
from benchmarks.workload import ENVIRONMENT, HALF_RANGE, Workload

SOLVED = -150.0
EVERY = 500
"""Environment steps between evaluations."""
LAST = 10_000
"""Environment steps after which a run is stopped unsolved."""
_EPISODES = 100

ActionFunction = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""`[batch, observation]` -> `[batch, action]` in [−1, 1]."""


@dataclass(frozen=True)
class SolveRun:
    """Run of one subject with one seed."""

    subject: str
    seed: int
    steps: list[int]
    """Environment steps at each evaluation."""
    seconds: list[float]
    """Seconds from the start of the process to each evaluation, without the evaluations."""
    returns: list[float]
    """Mean return over the episodes of each evaluation."""

    @property
    def solved(self) -> float | None:
        """Seconds to the first evaluation that reaches `SOLVED`; None if there was none."""
        return self.seconds[-1] if self.returns and self.returns[-1] >= SOLVED else None


def _make_evaluator() -> Any:
    # Imported here, because the peers' clocks must not count it.
    from ddpg.evaluation.episodes import Evaluator
    from ddpg.evaluation.scores import FIRST_SEED

    return Evaluator(ENVIRONMENT, {}, _EPISODES, FIRST_SEED)


class Milestones:
    """Evaluations of a policy with the clock stopped. The first that reaches `SOLVED` is the last.

    Args:
        began: start of the process, in seconds of the monotonic clock.
        last: environment step of the last evaluation.
        make_evaluator: called at the first evaluation.
    """

    def __init__(
        self, began: float, last: int = LAST, make_evaluator: Callable[[], Any] = _make_evaluator
    ):
        self.last = last
        self.steps: list[int] = []
        self.seconds: list[float] = []
        self.returns: list[float] = []
        self._began = began
        self._make_evaluator = make_evaluator
        self._evaluator: Any = None

    def reach(self, step: int, policy: ActionFunction) -> None:
        """Evaluate `policy` after environment step `step`.

        Raises:
            Finished: the policy reaches `SOLVED`, or this was the last evaluation.
        """
        stopped = time.monotonic()
        if self._evaluator is None:
            self._evaluator = self._make_evaluator()
        episodes = self._evaluator.run(lambda observation: policy(observation[0])[None], 1)
        self.steps.append(step)
        self.seconds.append(stopped - self._began)
        self.returns.append(float(episodes.returns.mean()))
        if self.returns[-1] >= SOLVED or step >= self.last:
            raise Finished
        self._began += time.monotonic() - stopped


def _train_ours(milestones: Milestones, seed: int, arguments: tuple[str, ...] = ()) -> None:
    import torch

    from ddpg.cli.parser import parse_config
    from ddpg.training.display import progress_display
    from ddpg.training.loop import Trainer

    with tempfile.TemporaryDirectory() as runs, progress_display() as show:
        settings = (f"--seed={seed}", f"--runs={runs}", "--evaluation_every=0", *arguments)
        config = parse_config(settings)
        torch.set_num_threads(config.threads)
        trainer = Trainer(config, show)

        def policy(observation: NDArray[np.float32]) -> NDArray[np.floating]:
            return trainer.agent.act(torch.from_numpy(observation)[None])[0].numpy()

        trainer.begin()
        for step in range(EVERY, milestones.last + 1, EVERY):
            trainer.advance(step)
            milestones.reach(step, policy)


def _train_stable_baselines3(
    milestones: Milestones, seed: int, package: str, with_our_settings: bool
) -> None:
    if package == "sbx":
        from benchmarks.subjects.peers.sbx import DDPG
    else:
        from stable_baselines3 import DDPG
    from stable_baselines3.common.callbacks import BaseCallback

    from benchmarks.subjects.peers.stable_baselines3 import make_model

    class EvaluateAtMilestones(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps % EVERY == 0:
                milestones.reach(self.num_timesteps, policy)
            return True

    if with_our_settings:
        model = make_model(DDPG, Workload(seed=seed))
    else:
        model = DDPG("MlpPolicy", ENVIRONMENT, seed=seed, device="cpu")

    def policy(observation: NDArray[np.float32]) -> NDArray[np.floating]:
        return model.predict(observation, deterministic=True)[0] / HALF_RANGE

    model.learn(milestones.last, callback=EvaluateAtMilestones())


SOLVER_PEERS = ("stable-baselines3", "sbx")
"""Keys of `SUBJECTS` that must be installed."""
SOLVERS: dict[str, Callable[[Milestones, int], None]] = {
    "ddpg": _train_ours,
    "ddpg-compiled": partial(_train_ours, arguments=("--compile",)),
    **{
        f"{name}, {'our settings' if ours else 'its defaults'}": partial(
            _train_stable_baselines3, package=package, with_our_settings=ours
        )
        for name, package in (("stable-baselines3", "stable_baselines3"), ("sbx", "sbx"))
        for ours in (True, False)
    },
}


def measure_solving(
    names: list[str],
    seeds: int,
    threads: int,
    report: Callable[[str], None],
    last: int = LAST,
) -> list[SolveRun]:
    """Run each solver with seeds 0, 1, …. Each runs once per seed.

    Args:
        names: keys of `SOLVERS`.
        seeds: number of seeds.
        threads: threads and processor cores per process.
        report: called with one line per process.
        last: environment steps after which a run is stopped unsolved.

    Raises:
        SubjectError: a subject failed.
    """
    runs = []
    for seed in range(seeds):
        for name in names:
            request = {"name": name, "seed": seed, "last": last}
            with tempfile.TemporaryDirectory() as cache:
                cold = {"TORCHINDUCTOR_CACHE_DIR": cache}
                run = SolveRun(name, seed, **run_child("solve", name, request, threads, cold))
            runs.append(run)
            outcome = f"not in {last:,} steps" if run.solved is None else f"{run.solved:.1f} s"
            report(f"seed {seed} of {seeds}, to a solved Pendulum: {name} {outcome}")
    return runs


def run_solver(name: str, seed: int, last: int, began: float) -> dict[str, Any]:
    """Run one solver in this process and return the lists of its `SolveRun`."""
    milestones = Milestones(began, last)
    with suppress(Finished):
        SOLVERS[name](milestones, seed)
    return {
        "steps": milestones.steps,
        "seconds": milestones.seconds,
        "returns": milestones.returns,
    }


def solve_table(runs: list[SolveRun]) -> MeasuredTable:
    """Return one row per subject: seconds and environment steps until solved.

    Ratios are of medians over all seeds; an unsolved run counts with its whole time.
    """
    rows = []
    by_name = {
        name: [run for run in runs if run.subject == name]
        for name in dict.fromkeys(run.subject for run in runs)
    }
    first = runs[0].subject
    base = median(run.seconds[-1] for run in by_name[first])
    for name, subject_runs in by_name.items():
        solved = [run for run in subject_runs if run.solved is not None]
        rows.append(
            [
                name,
                spread([run.seconds[-1] for run in solved], 1) if solved else "",
                spread([run.steps[-1] for run in solved]) if solved else "",
                f"{len(solved)} of {len(subject_runs)}",
                f"{base / median(run.seconds[-1] for run in subject_runs):.2f}",
                f"{median(run.seconds[-1] / run.steps[-1] for run in subject_runs) * 1e3:.2f}",
            ]
        )
    columns = [
        "subject",
        "seconds",
        "environment steps",
        "seeds solved",
        f"{first}'s time / subject's",
        "ms per step, overall",
    ]
    return MeasuredTable("solve", f"From the command to a return of {SOLVED:.0f}", columns, rows)
