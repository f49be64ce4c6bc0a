"""Audit: watch the updates of a user, and judge their effects."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from .contract import Contract, listed, not_allowed
from .explain.finder import without_paths
from .explain.paths import add_paths
from .explain.recording import PathRecorder
from .judge.errors import is_finding
from .judge.unseen import unseen
from .judge.verdicts import Judge, judge
from .observe.watcher import Watcher
from .report import Report

Update = Callable[[], Any]
Level = Literal["light", "full"]
MAX_ROUNDS = 12
"""Rounds of an audit without `rounds`: an update that runs in every sixth round runs twice."""


def audit(
    contract: Contract,
    updates: Mapping[str, Update] | Update,
    *,
    rounds: int | None = None,
    level: Level = "full",
    stacked: bool = False,
) -> Report:
    """Run the updates in the given order, in rounds, restore everything, and judge them.

    Args:
        contract: permission of each update.
        updates: update → function without arguments; or one function, if the contract has one
            update or one of the same name as the function.
        rounds: number of runs of every update. None: until every part of every update has run
            twice and no later round could solve a problem, at most `MAX_ROUNDS`. The second run
            shows what the first one left in `.grad`.
        level: `full`; or `light`, which finds no paths and compares values only at backward
            passes and steps.
        stacked: every parameter is `[member, ...]`; cells then have grades and norms per member.

    Raises:
        ContractError: `updates`, `rounds` or `level` is not allowed.
        Exception: an error of an update that is not a finding. Everything is restored before.
    """
    named = _named(contract, updates)
    if level not in ("light", "full"):
        raise not_allowed("level", level, "'light' or 'full'")
    if rounds is not None and rounds < 1:
        raise not_allowed("rounds", rounds, "a whole number ≥ 1")
    watcher = Watcher(contract, dry_run=True, closely=level == "full")
    judge = Judge(watcher)
    with watcher:
        watcher.compare_after(named)
        if rounds is None:
            rounds = _run_until_shown(watcher, named, judge)
        else:
            _run(watcher, named, rounds)
        results = judge.results(stacked)
    results.notes += watcher.notes
    effect = unseen(watcher.records, contract) if rounds == MAX_ROUNDS else ""
    if effect:
        results.notes.append(
            f"the audit ended after {rounds} rounds, although {effect}: a part of every n-th call "
            "needs rounds=2 * n"
        )
    if level == "light":
        results.findings = without_paths(results.findings, "level='light' searches for none")
    elif results.findings:
        rerun = partial(_run, updates=named, rounds=min(rounds, judge.first_run))
        results.findings = add_paths(contract, results.findings, rerun)
    return Report(contract, results, partial(_run, updates=named, rounds=rounds))


def _run_until_shown(watcher: Watcher, updates: Mapping[str, Update], judge: Judge) -> int:
    """Run the updates until no more rounds are necessary; return the number of rounds."""
    for number in range(1, MAX_ROUNDS + 1):
        _run(watcher, updates, rounds=1)
        if not judge.has_unsolved() and not unseen(watcher.records, watcher.contract):
            return number
    return MAX_ROUNDS


def _run(watcher: Watcher, updates: Mapping[str, Update], rounds: int) -> None:
    """Run every update `rounds` times; errors that are findings are in the records."""
    for _ in range(rounds):
        for name, update in updates.items():
            try:
                with watcher.update(name):
                    update()
            except RuntimeError as error:
                if not is_finding(error):
                    raise


class Watching:
    """Value of `watch`: `update(name)` is the context manager of a block.

    Attributes:
        report: of the blocks until now.
    """

    def __init__(self, watcher: Watcher, recorder: PathRecorder, stacked: bool) -> None:
        self._watcher, self._recorder, self._stacked = watcher, recorder, stacked
        self.update = watcher.update

    @property
    def report(self) -> Report:
        results = judge(self._watcher, self._stacked)
        results.notes += self._watcher.notes
        results.findings = self._recorder.explained(results.findings)
        return Report(self._watcher.contract, results, routes=self._recorder.routes())


@contextmanager
def watch(
    contract: Contract, *, dry_run: bool = False, stacked: bool = False
) -> Iterator[Watching]:
    """Context manager that watches the blocks `with watching.update(name):`.

    Args:
        contract: permission of each update.
        dry_run: restore everything at the end, after an exception too.
        stacked: as for `audit`.
    """
    watcher = Watcher(contract, dry_run=dry_run)
    with watcher, PathRecorder(watcher, uses=True, everything=True) as recorder:
        yield Watching(watcher, recorder, stacked)


def _named(contract: Contract, updates: Mapping[str, Update] | Update) -> dict[str, Update]:
    if not isinstance(updates, Mapping):
        name = getattr(updates, "__name__", "")
        if name not in contract.updates and len(contract.updates) == 1:
            name = next(iter(contract.updates))
        updates = {name: updates}
    for name, update in updates.items():
        if name not in contract.updates:
            raise not_allowed("updates", name, listed(contract.updates))
        if not callable(update):
            raise not_allowed(f"updates[{name!r}]", update, "a function without arguments")
    if not updates:
        raise not_allowed("updates", {}, f"at least one of {listed(contract.updates)}")
    return dict(updates)
