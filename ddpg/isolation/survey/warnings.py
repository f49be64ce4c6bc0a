"""Warnings that need no intent: mistakes that the records show without a contract."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..contract import Contract, shortened
from ..explain.sources import line_of
from ..judge.problems import names_in
from ..observe.ledger import is_nonzero
from ..observe.records import BackwardPass, OptimizerStep, UpdateRecord
from .surveyor import Surveyor

WarningKind = Literal[
    "held_unreached",
    "stepped_twice",
    "never_cleared",
    "not_frozen",
    "applied_through",
    "never_follows",
    "unequal_at_start",
    "untrained",
    "own_bootstrap",
]


@dataclass(frozen=True)
class SurveyWarning:
    """A probable mistake.

    Attributes:
        subject: module or optimizer.
        line: the user's line, as `file:line: code`; empty if no line is known.
    """

    kind: WarningKind
    subject: str
    message: str
    line: str = ""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Records of all updates, with the lines that a surveyor stored.

    Attributes:
        contract: the proposed contract.
    """

    contract: Contract
    records: Sequence[UpdateRecord]
    surveyor: Surveyor

    def steps(self) -> Iterator[tuple[UpdateRecord, OptimizerStep]]:
        """Yield (record, step) in order of time."""
        for record in self.records:
            for step in record.steps():
                yield record, step

    def line_of(self, event: BackwardPass | OptimizerStep) -> str:
        if isinstance(event, OptimizerStep):
            return self.surveyor.step_lines.get(event, "")
        notes = self.surveyor.notes.get(event)
        return notes.line if notes else ""

    def call_line(self, module: str) -> str:
        """Return the user's line of the first call of a module."""
        calls = (c for record in self.records for c in record.calls if c.module == module)
        return next(filter(None, map(line_of, calls)), "")

    def runs(self) -> int:
        """Return the number of runs of the update that ran most often."""
        return max(Counter(record.update for record in self.records).values())

    def is_called(self, module: str) -> bool:
        return any(call.module == module for record in self.records for call in record.calls)

    def changed(self) -> dict[str, set[str]]:
        """Return module → optimizers that moved it; `""` for changes outside of steps."""
        changed: dict[str, set[str]] = {}
        for record in self.records:
            for event in record.events:
                if isinstance(event, OptimizerStep):
                    pairs = [(change, event.optimizer) for change in event.changes]
                elif not isinstance(event, BackwardPass):
                    pairs = [(event.change, "")]
                else:
                    continue
                for change, by in pairs:
                    for owner in change.entry.owners:
                        changed.setdefault(owner, set()).add(by)
        return changed


def step_warnings(evidence: Evidence) -> Iterator[SurveyWarning]:
    """Yield warnings about what optimizers hold and apply."""
    yield from _held_unreached(evidence)
    yield from _stepped_again(evidence)
    yield from _only_grows(evidence)
    yield from _applied_through(evidence)
    yield from _own_bootstrap(evidence)


def _held_unreached(evidence: Evidence) -> Iterator[SurveyWarning]:
    reached: dict[str, set[int]] = {}
    last: dict[str, tuple[UpdateRecord, OptimizerStep]] = {}
    for record, step in evidence.steps():
        last[step.optimizer] = record, step
        own = reached.setdefault(step.optimizer, set())
        for key, sources in step.sources.items():
            if not sources and is_nonzero(step.gradients[key]):
                own.add(key)  # written by hand
            for source in sources:
                own |= source.reached
    for name, (record, step) in last.items():
        keys = {k for k in step.held - reached[name] if record.required.get(k)}
        for module in evidence.contract.modules:
            entries = record.inventory.by_owner[module]
            unreached = [e for e in entries if id(e.tensor) in keys]
            if not unreached or not reached[name]:
                continue
            whole = len(unreached) == sum(not e.is_buffer and not e.is_alias for e in entries)
            part = "" if whole else f" ({shortened(names_in(module, unreached))})"
            yield SurveyWarning(
                "held_unreached",
                name,
                f"the optimizer {name!r} holds {module}{part}, which none of its losses reaches",
                evidence.line_of(step),
            )


def _stepped_again(evidence: Evidence) -> Iterator[SurveyWarning]:
    """Yield gradients that a step applies although an earlier step applied them."""
    applied: dict[int, dict[BackwardPass, OptimizerStep]] = {}
    warned: set[tuple[str, str, str]] = set()
    for _, step in evidence.steps():
        new: dict[tuple[str, str], list[str]] = {}
        for change in step.changes:
            key = id(change.entry.tensor)
            sources = [s for s in step.sources.get(key, ()) if s in evidence.surveyor.notes]
            known = applied.setdefault(key, {})
            again = [source for source in sources if source in known]
            if again and is_nonzero(step.gradients[key]):
                kind = "stepped_twice" if len(again) == len(sources) else "never_cleared"
                new.setdefault((kind, known[again[0]].optimizer), []).append(change.entry.label)
            known.update(dict.fromkeys((s for s in sources if s not in known), step))
        for (kind, earlier), labels in new.items():
            if (kind, step.optimizer, earlier) not in warned:
                warned.add((kind, step.optimizer, earlier))
                yield _applied_again(kind, step, earlier, labels, evidence.line_of(step))


def _applied_again(
    kind: str, step: OptimizerStep, earlier: str, labels: Sequence[str], line: str
) -> SurveyWarning:
    names = shortened(dict.fromkeys(labels))
    if kind == "stepped_twice":
        message = (
            f"the optimizer {step.optimizer!r} moves {names} by the gradient of a backward pass "
            f"that an earlier step of {earlier!r} applied: two steps for one backward pass"
        )
        return SurveyWarning("stepped_twice", step.optimizer, message, line)
    message = (
        f"the optimizer {step.optimizer!r} applies gradients of {names} that {earlier!r} applied "
        "in an earlier step: nothing clears .grad between them, so it only grows"
    )
    return SurveyWarning("never_cleared", step.optimizer, message, line)


def _only_grows(evidence: Evidence) -> Iterator[SurveyWarning]:
    """Yield modules whose `.grad` no step uses and nothing clears."""
    held = {k for record in evidence.records for keys in record.optimizers.values() for k in keys}
    grew: dict[str, list[tuple[bool, BackwardPass | None]]] = {}
    for record in evidence.records:
        for module in evidence.contract.modules:
            for entry in record.inventory.by_owner[module]:
                key = id(entry.tensor)
                passes = [p for p in record.passes() if p.accumulates and key in p.delivered]
                if key in held or not passes:
                    continue
                before = record.gradients_before.get(key)
                after = record.gradients_after.get(key)
                if after is None or not is_nonzero(after):
                    grew.setdefault(module, []).append((False, None))
                elif before is not None and is_nonzero(before):
                    total = before + sum(p.delivered[key] for p in passes)
                    same = bool(total.isclose(after, rtol=1e-4, atol=1e-7).all())
                    grew.setdefault(module, []).append((same, passes[-1]))
    for module, seen in grew.items():
        last = seen[-1][1]
        if last is not None and all(same for same, _ in seen):
            yield SurveyWarning(
                "never_cleared",
                module,
                f"the .grad of {module} only grows: each run adds a gradient, nothing clears it, "
                "and no optimizer holds it",
                evidence.line_of(last),
            )


def _applied_through(evidence: Evidence) -> Iterator[SurveyWarning]:
    """Yield modules that a step moves by the gradient of a loss which only goes through them."""
    trained = _trained(evidence)
    for module, passes in trained.items():
        losses: dict[str, _Loss] = {}
        for each, step in passes.items():
            notes = evidence.surveyor.notes.get(each)
            if notes is not None:
                loss = losses.setdefault(notes.line, _Loss(notes.line, step, set(), each))
                loss.goals.update(n for n in notes.behind.get(module, ()) if each in trained[n])
        own = _own_loss(module, list(losses.values()), trained)
        for loss in losses.values():
            if loss is not own and own is not None and loss.goals - own.goals:
                names = " and ".join(sorted(loss.goals))
                yield SurveyWarning(
                    "applied_through",
                    module,
                    f"the loss that trains {names} goes through {module}, and the optimizer "
                    f"{loss.step.optimizer!r} applies its gradient to {module} too, which has a "
                    f"loss of its own ({place_of(own.line)})",
                    loss.line,
                )


@dataclass(eq=False)
class _Loss:
    """A line whose loss trains a module.

    Attributes:
        step: first step that applied its gradient to the module.
        goals: modules that it trains through the module alone.
        example: one of its passes.
    """

    line: str
    step: OptimizerStep
    goals: set[str]
    example: BackwardPass


def _trained(evidence: Evidence) -> dict[str, dict[BackwardPass, OptimizerStep]]:
    """Return module → pass → first step that moved the module by the pass's gradient."""
    trained: dict[str, dict[BackwardPass, OptimizerStep]] = {
        module: {} for module in evidence.contract.modules
    }
    for _, step in evidence.steps():
        for change in step.changes:
            for source in step.sources.get(id(change.entry.tensor), ()):
                delivered = source.delivered.get(id(change.entry.tensor))
                if delivered is not None and is_nonzero(delivered):
                    for owner in change.entry.owners:
                        trained[owner].setdefault(source, step)
    return trained


def _own_loss(
    module: str,
    losses: Sequence[_Loss],
    trained: dict[str, dict[BackwardPass, OptimizerStep]],
) -> _Loss | None:
    """Return the loss that is meant to train the module.

    It is one that trains nothing through the module, else one that is applied to the module and to
    its other modules by the same optimizer, else one whose optimizer has the module's name.
    """

    def rank(loss: _Loss) -> tuple[bool, bool, bool]:
        steps = [trained[goal].get(loss.example) for goal in loss.goals]
        apart = any(step and step.optimizer != loss.step.optimizer for step in steps)
        return bool(loss.goals), apart, module not in loss.step.optimizer

    return min(losses, key=rank, default=None)


def place_of(line: str) -> str:
    """Return `file:line` of a user's line, without its code."""
    if not line:
        return "line unknown"
    inner, _, caller = line.partition(" (called at ")
    place = inner.partition(": ")[0]
    return f"{place}, called at {caller.partition(': ')[0]}" if caller else place


def _own_bootstrap(evidence: Evidence) -> Iterator[SurveyWarning]:
    warned: set[tuple[str, str]] = set()
    for notes in evidence.surveyor.notes.values():
        for each in notes.bootstraps:
            if (each.module, line_of(each.target)) not in warned:
                warned.add((each.module, line_of(each.target)))
                yield SurveyWarning(
                    "own_bootstrap",
                    each.module,
                    f"{each.module} is called on two inputs of one loss, and the gradient goes "
                    f"through both: {each.module} is part of its own target (the prediction: "
                    f"{place_of(line_of(each.prediction))})",
                    line_of(each.target),
                )
