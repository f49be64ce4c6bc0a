"""Run a user's updates under watch, and judge what they did."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from .contract import Contract, ContractError
from .explain.paths import add_paths
from .judge.errors import is_finding
from .judge.verdicts import judge
from .observe.watcher import Watcher
from .report import Report

Update = Callable[[], Any]
Level = Literal["light", "full"]


def audit(
    contract: Contract,
    updates: Mapping[str, Update] | Update,
    *,
    rounds: int = 2,
    level: Level = "full",
    stacked: bool = False,
) -> Report:
    """Run the updates in the order given, `rounds` times, put everything back, and judge them.

    Args:
        contract: what each update may do.
        updates: update → function without arguments; or one function, if the contract names one
            update or the function bears the name of one.
        rounds: the second one shows what the first one left behind.
        level: `light` looks for no paths, and at values only at backward passes and steps.
        stacked: every parameter is `[member, ...]`; cells get their norms and grades by member.

    Raises:
        ContractError: updates that the contract does not name, or a level that does not exist.
        Exception: what an update raised, unless it is an error that counts as a finding.
            Everything has been put back by then.
    """
    named = _named(contract, updates)
    if level not in ("light", "full"):
        raise ContractError(f"level is {level!r}: it takes 'light' or 'full'")
    if rounds < 1:
        raise ContractError(f"rounds is {rounds!r}: it takes 1 or more")
    watcher = Watcher(contract, dry_run=True, closely=level == "full")
    with watcher:
        run(watcher, named, rounds)
        results = judge(
            contract, watcher.setup_inventory, watcher.records, watcher.setup_stored, stacked
        )
    rerun = partial(run, updates=named, rounds=rounds)
    if level == "full" and results.findings:
        results.findings = add_paths(contract, results.findings, rerun)
    return Report(contract, results, rerun)


def run(watcher: Watcher, updates: Mapping[str, Update], rounds: int) -> None:
    """Every update, `rounds` times; errors that count as findings stay in the records."""
    for _ in range(rounds):
        for name, update in updates.items():
            try:
                with watcher.update(name):
                    update()
            except RuntimeError as error:
                if not is_finding(error):
                    raise


class Watching:
    """What `watch` gives: `update(name)` for the blocks, and `report` after them."""

    def __init__(self, watcher: Watcher, stacked: bool) -> None:
        self._watcher, self._stacked = watcher, stacked
        self.update = watcher.update

    @property
    def report(self) -> Report:
        """What the blocks so far did."""
        watcher = self._watcher
        results = judge(
            watcher.contract,
            watcher.setup_inventory,
            watcher.records,
            watcher.setup_stored,
            self._stacked,
        )
        return Report(watcher.contract, results)


@contextmanager
def watch(
    contract: Contract, *, dry_run: bool = False, stacked: bool = False
) -> Iterator[Watching]:
    """Watch the updates in the blocks `with watching.update(name):`.

    Args:
        contract: what each update may do.
        dry_run: put everything back at the end, also after an exception.
        stacked: as for `audit`.
    """
    with Watcher(contract, dry_run=dry_run) as watcher:
        yield Watching(watcher, stacked)


def _named(contract: Contract, updates: Mapping[str, Update] | Update) -> dict[str, Update]:
    if not isinstance(updates, Mapping):
        name = getattr(updates, "__name__", "")
        if name not in contract.updates and len(contract.updates) == 1:
            name = next(iter(contract.updates))
        updates = {name: updates}
    known = ", ".join(repr(each) for each in contract.updates)
    for name, update in updates.items():
        if name not in contract.updates:
            raise ContractError(f"updates names {name!r}, and the contract has {known}")
        if not callable(update):
            raise ContractError(
                f"updates[{name!r}] is a {type(update).__name__}: it takes a function without "
                "arguments"
            )
    if not updates:
        raise ContractError(f"updates is empty: name at least one of {known}")
    return dict(updates)
