"""Names of everything that can be timed, and the measurement of one subject."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec

from benchmarks.timing.clock import Finished, StepClock
from benchmarks.timing.measurement import Measurement, measured_by
from benchmarks.workload import Workload

_PEERS = "benchmarks.subjects.peers"
_OURS = "benchmarks.subjects.ours"
_LIMIT = "benchmarks.subjects.limit"


@dataclass(frozen=True)
class BenchmarkSubject:
    """One implementation or limit that is timed, in a process of its own."""

    module: str
    """Module with `train(workload, …)`, which runs until the clock ends it; for a limit, with
    `measure(workload)`."""
    members: int = 1
    arguments: tuple[str, ...] | None = None
    """Additional arguments of `scripts/train.py`, for this agent's own variants."""
    package: str = "torch"
    """Package that must be installed."""
    extra: str = ""
    """Extra of this project that installs the package."""

    @property
    def is_limit(self) -> bool:
        """True for the bare operations that every agent needs, which train nothing."""
        return self.module == _LIMIT

    def trainer(self) -> Callable[[Workload], None]:
        """Import and return the training function; the import is part of the start-up."""
        train = import_module(self.module).train
        return train if self.arguments is None else partial(train, arguments=self.arguments)


_COMPILED_MEDIUM = ("--compile", "--matmul_precision=medium")

OURS = {
    "ddpg": BenchmarkSubject(_OURS, arguments=()),
    "ddpg-unaudited": BenchmarkSubject(_OURS, arguments=("--separation_every=0",)),
    "ddpg-8-members": BenchmarkSubject(_OURS, members=8, arguments=()),
    "ddpg-compiled": BenchmarkSubject(_OURS, arguments=("--compile",)),
    "ddpg-compiled-medium": BenchmarkSubject(_OURS, arguments=_COMPILED_MEDIUM),
    "ddpg-8-members-compiled": BenchmarkSubject(_OURS, members=8, arguments=("--compile",)),
    "ddpg-8-members-compiled-medium": BenchmarkSubject(
        _OURS, members=8, arguments=_COMPILED_MEDIUM
    ),
}


def _peer(module: str, package: str, extra: str = "peers") -> BenchmarkSubject:
    return BenchmarkSubject(f"{_PEERS}.{module}", package=package, extra=extra)


PEERS = {
    "stable-baselines3": _peer("stable_baselines3", "stable_baselines3"),
    "sbx": _peer("sbx", "sbx", "peers-jax"),
    "skrl": _peer("skrl", "skrl"),
    "cleanrl-style": _peer("cleanrl_style", "stable_baselines3"),
    "torchrl": _peer("torchrl", "torchrl"),
    "tianshou": _peer("tianshou", "tianshou"),
}
LIMITS = {
    "limit": BenchmarkSubject(_LIMIT),
    "limit-8-members": BenchmarkSubject(_LIMIT, members=8),
}
SUBJECTS = {**PEERS, **OURS, **LIMITS}


def missing_package(names: list[str]) -> str | None:
    """Return the error message for the first package that `names` lack, or None."""
    for name in names:
        subject = SUBJECTS[name]
        if find_spec(subject.package) is None:
            return (
                f"cannot measure {name}: the package {subject.package} is not installed; "
                f"run: pip install -e '.[{subject.extra}]'"
            )
    return None


def measure_subject(name: str, workload: Workload, began: float) -> Measurement:
    """Measure a subject in this process.

    Args:
        name: key of `SUBJECTS`.
        workload: what the subject runs.
        began: start of the process, in seconds of the monotonic clock.
    """
    subject = SUBJECTS[name]
    if subject.is_limit:
        return import_module(subject.module).measure(workload)
    train, clock = subject.trainer(), StepClock(workload)
    # Only after the import of the subject, which may register its own environments.
    clock.watch()
    with suppress(Finished):
        train(workload)
    return measured_by(clock, began)
