"""From the command to a solved Pendulum, start-up included and caches of compilers cold.

Solved: the deterministic policy's mean return over the 100 evaluation seeds is at least −150. Every
subject is evaluated at the same environment steps, and its clock stands still meanwhile.
"""

import json
import sys
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

from benchmarks.child import hold_to
from benchmarks.clock import Finished
from benchmarks.processes import run_child
from benchmarks.tables import Table, spread
from benchmarks.work import ENVIRONMENT, Work

SOLVED = -150.0
EVERY = 500
"""Environment steps between evaluations."""
LAST = 10_000
"""Environment steps after which a subject is given up."""
_EPISODES = 100
_HALF_RANGE = 2.0
"""Of Pendulum's torque, in which the peers' policies act."""

Policy = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""`[batch, observation]` -> `[batch, action]` in [−1, 1]."""


@dataclass(frozen=True)
class Solution:
    """One subject's run with one seed."""

    subject: str
    seed: int
    steps: list[int]
    """Environment steps at each evaluation."""
    seconds: list[float]
    """Since the start of the process, evaluations left out."""
    returns: list[float]
    """Mean over the episodes of each evaluation."""

    @property
    def solved(self) -> float | None:
        """Seconds to the first evaluation that is good enough; None if there was none."""
        return self.seconds[-1] if self.returns and self.returns[-1] >= SOLVED else None


class Marks:
    """Evaluates a policy at marks, with the clock stopped; ends the run when it is good enough.

    Args:
        began: start of the process, of the system's monotonic clock.
        last: environment step of the last mark.
    """

    def __init__(self, began: float, last: int = LAST):
        self.last = last
        self.steps: list[int] = []
        self.seconds: list[float] = []
        self.returns: list[float] = []
        self._began = began
        self._evaluator: Any = None

    def reach(self, step: int, policy: Policy) -> None:
        """Environment step `step` is done, and `policy` is the policy now.

        Raises:
            Finished: it is good enough, or this was the last mark.
        """
        stopped = time.monotonic()
        if self._evaluator is None:
            from ddpg.evaluation.episodes import FIRST_SEED, Evaluator

            self._evaluator = Evaluator(ENVIRONMENT, {}, _EPISODES, FIRST_SEED)
        episodes = self._evaluator.run(lambda observation: policy(observation[0])[None], 1)
        self.steps.append(step)
        self.seconds.append(stopped - self._began)
        self.returns.append(float(episodes.returns.mean()))
        if self.returns[-1] >= SOLVED or step >= self.last:
            raise Finished
        self._began += time.monotonic() - stopped


def _ours(marks: Marks, seed: int, arguments: tuple[str, ...] = ()) -> None:
    import torch

    from ddpg.cli.display import progress_display, show
    from ddpg.cli.parser import parse_config
    from ddpg.training.loop import Trainer

    with tempfile.TemporaryDirectory() as runs, progress_display() as bar:
        settings = (f"--seed={seed}", f"--runs={runs}", "--evaluation_every=0", *arguments)
        config = parse_config(settings)
        torch.set_num_threads(config.threads)
        trainer = Trainer(config, lambda progress: show(bar, progress))

        def policy(observation: NDArray[np.float32]) -> NDArray[np.floating]:
            return trainer.agent.act(torch.from_numpy(observation)[None])[0].numpy()

        trainer.begin()
        for mark in range(EVERY, marks.last + 1, EVERY):
            trainer.advance(mark)
            marks.reach(mark, policy)


def _stable_baselines3(marks: Marks, seed: int, package: str, with_our_settings: bool) -> None:
    if package == "sbx":
        from benchmarks.peers.sbx import DDPG
    else:
        from stable_baselines3 import DDPG
    from stable_baselines3.common.callbacks import BaseCallback

    from benchmarks.peers.stable_baselines3 import model

    class AtMarks(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps % EVERY == 0:
                marks.reach(self.num_timesteps, policy)
            return True

    if with_our_settings:
        learner = model(DDPG, Work(seed=seed))
    else:
        learner = DDPG("MlpPolicy", ENVIRONMENT, seed=seed, device="cpu")

    def policy(observation: NDArray[np.float32]) -> NDArray[np.floating]:
        return learner.predict(observation, deterministic=True)[0] / _HALF_RANGE

    learner.learn(marks.last, callback=AtMarks())


SOLVED_BESIDE = ("stable-baselines3", "sbx")
"""Names of `SUBJECTS` that must be installed."""
SOLVERS: dict[str, Callable[[Marks, int], None]] = {
    "ddpg": _ours,
    "ddpg-compiled": partial(_ours, arguments=("--compile",)),
    **{
        f"{name}, {whose} settings": partial(
            _stable_baselines3, package=package, with_our_settings=whose == "our"
        )
        for name, package in (("stable-baselines3", "stable_baselines3"), ("sbx", "sbx"))
        for whose in ("our", "its")
    },
}


def solve(
    names: list[str],
    seeds: int,
    threads: int,
    report: Callable[[str], None],
    last: int = LAST,
) -> list[Solution]:
    """Run each solver with seeds 0, 1, …; all of them take turns for every seed.

    Args:
        names: of `SOLVERS`.
        seeds: how many.
        threads: of each process, and its processor cores.
        report: told of each process in a line.
        last: environment steps after which a subject is given up.

    Raises:
        SubjectError: a subject failed.
    """
    found = []
    for seed in range(seeds):
        for name in names:
            request = {"solver": name, "seed": seed, "last": last}
            with tempfile.TemporaryDirectory() as cache:
                cold = {"TORCHINDUCTOR_CACHE_DIR": cache}
                run = run_child("benchmarks.solve", name, request, threads, cold)
            found.append(Solution(name, seed, **run))
            seconds = found[-1].solved
            outcome = f"not in {last:,} steps" if seconds is None else f"{seconds:.1f} s"
            report(f"seed {seed} of {seeds}, to a solved Pendulum: {name} {outcome}")
    return found


def solve_table(solutions: list[Solution]) -> Table:
    """A row a subject: seconds and environment steps until solved.

    Ratios are of medians over all seeds; one that was given up counts with the time until then.
    """
    rows = []
    by_name = {
        name: [each for each in solutions if each.subject == name]
        for name in dict.fromkeys(each.subject for each in solutions)
    }
    base = [each.seconds[-1] for each in solutions if each.subject == solutions[0].subject]
    for name, own in by_name.items():
        solved = [each for each in own if each.solved is not None]
        seconds = [each.seconds[-1] for each in solved]
        rows.append(
            [
                name,
                spread(seconds, 1) if solved else "",
                spread([each.steps[-1] for each in solved]) if solved else "",
                f"{len(solved)} of {len(own)}",
                f"{median(base) / median(each.seconds[-1] for each in own):.2f}",
                f"{median(each.seconds[-1] / each.steps[-1] for each in own) * 1e3:.2f}",
            ]
        )
    columns = [
        "subject",
        "seconds",
        "environment steps",
        "seeds solved",
        f"{solutions[0].subject}'s time over its",
        "ms a step, all in all",
    ]
    return Table("solve", f"From the command to a return of {SOLVED:.0f}", columns, rows)


def main() -> None:
    """One solver in a process of its own, with a JSON line at the end."""
    request = json.loads(sys.argv[1])
    hold_to(request["cores"])
    marks = Marks(request["began"], request["last"])
    with suppress(Finished):
        SOLVERS[request["solver"]](marks, request["seed"])
    found = {"steps": marks.steps, "seconds": marks.seconds, "returns": marks.returns}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
