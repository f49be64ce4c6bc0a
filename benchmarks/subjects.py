"""Everything that can be timed, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec

from benchmarks.work import Work

_PEERS = "benchmarks.peers"
_OURS = "benchmarks.ours"
_LIMIT = "benchmarks.limit"


@dataclass(frozen=True)
class Subject:
    """One thing that is timed, in a process of its own."""

    module: str
    """Has a `train(work, …)`, which the clock ends, or is the limit's."""
    members: int = 1
    arguments: tuple[str, ...] | None = None
    """Further ones of `scripts/train.py`'s command line, of our own subjects."""
    package: str = "torch"
    """What must be installed."""
    extra: str = ""
    """The extra of this project that installs it."""

    @property
    def is_limit(self) -> bool:
        """Whether it is no agent but what an agent cannot do without."""
        return self.module == _LIMIT

    def train(self) -> Callable[[Work], None]:
        """What trains it; importing is a part of its start-up."""
        function = import_module(self.module).train
        return function if self.arguments is None else partial(function, arguments=self.arguments)


_COMPILED_MEDIUM = ("--compile", "--matmul_precision=medium")

OURS = {
    "ddpg": Subject(_OURS, arguments=()),
    "ddpg-unaudited": Subject(_OURS, arguments=("--separation_every=0",)),
    "ddpg-8-members": Subject(_OURS, members=8, arguments=()),
    "ddpg-compiled": Subject(_OURS, arguments=("--compile",)),
    "ddpg-compiled-medium": Subject(_OURS, arguments=_COMPILED_MEDIUM),
    "ddpg-8-members-compiled": Subject(_OURS, members=8, arguments=("--compile",)),
    "ddpg-8-members-compiled-medium": Subject(_OURS, members=8, arguments=_COMPILED_MEDIUM),
}
PEERS = {
    "stable-baselines3": Subject(
        f"{_PEERS}.stable_baselines3", package="stable_baselines3", extra="peers"
    ),
    "sbx": Subject(f"{_PEERS}.sbx", package="sbx", extra="peers-jax"),
    "skrl": Subject(f"{_PEERS}.skrl", package="skrl", extra="peers"),
    "cleanrl-style": Subject(f"{_PEERS}.cleanrl_style", package="stable_baselines3", extra="peers"),
    "torchrl": Subject(f"{_PEERS}.torchrl", package="torchrl", extra="peers"),
    "tianshou": Subject(f"{_PEERS}.tianshou", package="tianshou", extra="peers"),
}
LIMITS = {
    "limit": Subject(_LIMIT),
    "limit-8-members": Subject(_LIMIT, members=8),
}
SUBJECTS = {**PEERS, **OURS, **LIMITS}


def missing(names: list[str]) -> str | None:
    """The sentence that tells what is not installed for the subjects `names`; None: all is."""
    for name in names:
        subject = SUBJECTS[name]
        if find_spec(subject.package) is None:
            return (
                f"{name} needs the package {subject.package}, which is not installed; the extra "
                f"{subject.extra} brings it: pip install -e '.[{subject.extra}]'"
            )
    return None
