"""Survey: the inventory of an agent that has no contract yet."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from torch import nn

from ..contract import Contract, Permission, not_allowed
from ..judge.verdicts import judge
from ..observe.rows import assign_rows
from ..observe.watcher import Watcher
from ..report import Report
from ..results import Results, Route
from .discovery import Discovery, discover
from .proposal import equals, propose
from .state_warnings import module_warnings, same_shapes
from .surveyor import Surveyor
from .text import contract_text
from .walking import variables_of
from .warnings import Evidence, SurveyWarning, step_warnings

Update = Callable[[], Any]
_FEWEST_ROUNDS, _MOST_ROUNDS = 3, 12
"""Rounds of an inventory: until every optimizer has stepped twice."""
_MORE_ROUNDS = 3
"""Rounds that can solve a finding, as when a network is frozen in every second run."""


class Survey(Report):
    """Inventory of an agent: cells, warnings and a proposed contract.

    Attributes:
        contract: the proposed contract.
        contract_text: the same as Python text: a function `contract` of the variables in `roots`.
        warnings: probable mistakes, each with the user's line.
        roots: variable → object, the arguments of the function in `contract_text`.
        findings: places where even the proposed contract is broken.
    """

    def __init__(
        self,
        contract: Contract,
        results: Results,
        warnings: Sequence[SurveyWarning],
        discovery: Discovery,
        restores: Sequence[str] = (),
        routes: Mapping[tuple[str, str], list[Route]] | None = None,
    ) -> None:
        super().__init__(contract, results, routes=routes)
        self.warnings = list(warnings)
        self.roots = discovery.used_roots()
        self.roots |= {name: discovery.roots[name] for name in restores}
        self.contract_text = contract_text(
            contract,
            discovery.module_expressions,
            discovery.optimizer_expressions,
            self.roots,
            restores,
        )

    def summary(self) -> str:
        """Return the table, the warnings, the findings and the proposed contract as text."""
        from .summary import summary

        return summary(self)

    def to_html(self, details: Mapping[str, str] | None = None) -> str:
        """Return a self-contained page: arrows, warnings, findings and the proposed contract."""
        from .summary import to_html

        return to_html(self, details or {})

    def to_json(self) -> str:
        """Return cells, findings, notes, warnings and the text of the contract as JSON."""
        from .summary import to_json

        return to_json(self, super().to_json())


def inventory(
    source: object = None, updates: Mapping[str, Update] | Update | None = None
) -> Survey:
    """Run the updates as a dry run and return what each reached, wrote and moved.

    Args:
        source: an agent, a module or a dict name → module or optimizer, whose modules and
            optimizers are searched. None: those that the functions in `updates` use.
        updates: name → function without arguments, or one function. They run in the given order,
            in rounds, until every optimizer has stepped twice.

    Raises:
        ContractError: `updates` is not allowed, or no module was found.
        Exception: an error of an update. Everything is restored before.
    """
    named = _named(updates)
    roots, restores = _roots(source, named)
    discovery = discover(roots)
    if not discovery.modules:
        raise not_allowed("source", source, "an object that leads to modules or parameters")
    contract = base_contract(discovery, list(named), [roots[name] for name in restores])
    watcher = Watcher(contract, dry_run=True)
    surveyor = Surveyor(watcher, uses=True)
    fresh = {name for name, each in discovery.optimizers.items() if not each.state}

    with ExitStack() as stack:
        stack.enter_context(watcher)
        stack.enter_context(surveyor)
        watcher.compare_after(named)
        for done in range(1, _MOST_ROUNDS + 1):
            _run_round(watcher, named)
            if done >= _FEWEST_ROUNDS and not _unseen(watcher, discovery):
                break
        survey = survey_of(watcher, surveyor, discovery, restores, fresh)
        for _ in range(0 if survey.kept else _MORE_ROUNDS):
            _run_round(watcher, named)
            survey = survey_of(watcher, surveyor, discovery, restores, fresh)
            if survey.kept:
                break
    survey.notes += watcher.notes
    return survey


def _run_round(watcher: Watcher, updates: Mapping[str, Update]) -> None:
    for name, update in updates.items():
        with watcher.update(name):
            update()


def base_contract(
    discovery: Discovery, updates: Sequence[str], restores: Sequence[object] = ()
) -> Contract:
    """Return a contract with the discovered modules and optimizers that permits nothing."""
    return Contract(
        modules=discovery.modules,
        optimizers=discovery.optimizers,
        updates={name: Permission() for name in updates},
        shared=discovery.shared,
        restores=restores,
    )


def survey_of(
    watcher: Watcher,
    surveyor: Surveyor,
    discovery: Discovery,
    restores: Sequence[str] = (),
    fresh: set[str] | None = None,
    unequal: Sequence[tuple[str, str]] = (),
) -> Survey:
    """Return the survey of the updates that a watcher has recorded.

    Args:
        restores: variables whose objects the proposed contract restores.
        fresh: optimizers that had made no step before the first record.
        unequal: (target, source) that differed before the first step.
    """

    def judged(contract: Contract) -> Results:
        watcher.contract = contract
        for record in watcher.records:
            assign_rows(record, contract)
        return judge(watcher)

    contract = propose(watcher.contract, watcher.records, judged)
    results = judged(contract)
    results.findings = surveyor.explained(results.findings)
    evidence = Evidence(contract, watcher.records, surveyor)
    pairs = [*unequal, *_unequal(watcher, contract, fresh or set())]
    warnings = [*step_warnings(evidence), *module_warnings(evidence, pairs)]
    return Survey(contract, results, warnings, discovery, restores, surveyor.routes())


def _unequal(watcher: Watcher, contract: Contract, fresh: set[str]) -> list[tuple[str, str]]:
    """Return (target, source) that differ at the start although no optimizer had stepped."""
    first = watcher.records[0]
    started = {name for name in contract.optimizers if name not in fresh}
    if started or not contract.optimizers:
        return []
    names = list(contract.modules)
    return [
        (one, other)
        for one in names
        for other in names
        if one != other and same_shapes(first, one, other) and equals(first, one, other) is False
    ]


def _unseen(watcher: Watcher, discovery: Discovery) -> bool:
    """Return True if an optimizer has not stepped twice."""
    steps = [step.optimizer for record in watcher.records for step in record.steps()]
    return any(steps.count(name) < 2 for name in discovery.optimizers)


def _named(updates: Mapping[str, Update] | Update | None) -> dict[str, Update]:
    allowed = "a function without arguments, or a dict name → function"
    if callable(updates) and not isinstance(updates, Mapping):
        name = getattr(updates, "__name__", "update")
        updates = {name if name.isidentifier() else "update": updates}
    if not isinstance(updates, Mapping) or not updates:
        raise not_allowed("updates", updates, allowed)
    for name, update in updates.items():
        if not callable(update):
            raise not_allowed(f"updates[{name!r}]", update, "a function without arguments")
    return dict(updates)


def _roots(source: object, updates: Mapping[str, Update]) -> tuple[dict[str, object], list[str]]:
    """Return variable → object, and the variables whose objects a dry run restores."""
    if source is None:
        roots = variables_of(updates.values())
        return roots, ["agent"] if "agent" in roots and _has_state(roots["agent"]) else []
    if isinstance(source, Mapping):
        return {str(name): value for name, value in source.items()}, []
    if isinstance(source, nn.Module):
        return {"model": source, **variables_of(updates.values())}, []
    return {"agent": source}, ["agent"] if _has_state(source) else []


def _has_state(value: object) -> bool:
    return hasattr(value, "__dict__") and not isinstance(value, nn.Module | type)
