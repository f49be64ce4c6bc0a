"""What a user declares: the modules, the optimizers, and what each update may do to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

ModuleLike = (
    nn.Module
    | Tensor
    | Sequence[Tensor]
    | Mapping[str, Tensor]
    | Sequence[nn.Module]
    | Mapping[str, nn.Module]
)
Names = str | Iterable[str]

REST = "rest"  # the part of a split update that lies outside every optimizer step


class ContractError(ValueError):
    """A contract that cannot mean anything: a sentence with the entry and what is allowed."""


@dataclass(frozen=True)
class UpdateRow:
    """A row of the report: an update, or parts of a split one.

    Attributes:
        parts: of a split update, one optimizer or `rest`; several optimizers where their steps
            share a backward pass.
    """

    update: str
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.update}/{'+'.join(self.parts)}" if self.parts else self.update

    def single_parts(self) -> "list[UpdateRow]":
        """One row per part; the row itself if its update is whole."""
        return [UpdateRow(self.update, (part,)) for part in self.parts] or [self]


@dataclass(frozen=True)
class Permission:
    """What one update may do. Built by `trains`, `moves`, `follows`, `nothing` and `split`.

    Each field holds names of modules; `follows` maps a follower to its source, `terms` a loss
    term, and `split` an optimizer's name (or `rest`), to a permission of its own.
    """

    trains: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()
    follows: Mapping[str, str] = field(default_factory=dict)
    through: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    eval_mode: tuple[str, ...] = ()
    train_mode: tuple[str, ...] = ()
    terms: Mapping[str, "Permission"] = field(default_factory=dict)
    split: Mapping[str, "Permission"] = field(default_factory=dict)

    def may_train(self, module: str) -> bool:
        return module in self.trains or module in self.optional

    def may_move(self, module: str) -> bool:
        return module in self.moves or module in self.follows

    def modules_named(self) -> list[tuple[str, str]]:
        """(field, module) for every module that this permission speaks of."""
        named = [
            (each, module)
            for each in (
                "trains",
                "moves",
                "through",
                "optional",
                "frozen",
                "eval_mode",
                "train_mode",
            )
            for module in getattr(self, each)
        ]
        named += [("follows", name) for pair in self.follows.items() for name in pair]
        for inner in (*self.terms.values(), *self.split.values()):
            named += inner.modules_named()
        return named


def trains(
    *modules: str,
    moves: Names = (),
    follows: Mapping[str, str] | None = None,
    through: Names = (),
    optional: Names = (),
    frozen: Names = (),
    eval_mode: Names = (),
    train_mode: Names = (),
    terms: Mapping[str, Permission] | None = None,
) -> Permission:
    """An update that trains `modules` by gradients, and does nothing else but what it names.

    Args:
        modules: every trainable parameter of these gets a gradient, and moves by it.
        moves: modules that may move by any means but a gradient.
        follows: follower → source, as in `follows`.
        through: modules that the loss goes through: reached and written, never moved.
        optional: modules that may be trained, and need not be.
        frozen: modules whose parameters do not require grad inside the forward pass.
        eval_mode: modules that are in eval mode inside the forward pass.
        train_mode: modules that are in train mode inside the forward pass.
        terms: loss term (see `term`) → what that term may train.
    """
    return Permission(
        trains=_names(modules),
        moves=_names(moves),
        follows=dict(follows or {}),
        through=_names(through),
        optional=_names(optional),
        frozen=_names(frozen),
        eval_mode=_names(eval_mode),
        train_mode=_names(train_mode),
        terms=dict(terms or {}),
    )


def moves(*modules: str, **others: Any) -> Permission:
    """An update that may move `modules` by any means but a gradient; `others` as for `trains`."""
    return trains(moves=modules, **others)


def nothing(**others: Any) -> Permission:
    """An update that may touch nothing, as acting or evaluating; `others` as for `trains`."""
    return trains(**others)


def follows(**pairs: str) -> Permission:
    """Each follower moves towards its source: `follows(critic_target="critic")`."""
    return trains(follows=pairs)


def split(**parts: Permission) -> Permission:
    """One call that runs several updates, cut at the optimizers' steps.

    Args:
        parts: an optimizer's name, or `rest` → what that part may do.
    """
    return Permission(split=parts)


@dataclass(frozen=True)
class Contract:
    """The modules, the optimizers and the updates of an agent, and what each update may do.

    Args:
        modules: name → `nn.Module`, tensor, list or dict of tensors, or a function returning one.
        optimizers: name → optimizer, or a function that returns one.
        updates: name → permission.
        shared: owner → the modules that share its parameters on purpose.
        holds: optimizer → the modules that it may hold besides those that its updates train.
        keeps: name → what the agent stores between updates.
        equal_at_start: target → source that it must equal when the audit begins.
        restores: further objects that a dry run puts back.

    Raises:
        ContractError: a name that nothing declares, or a value of the wrong type.
    """

    modules: Mapping[str, ModuleLike | Callable[[], ModuleLike]]
    updates: Mapping[str, Permission]
    optimizers: Mapping[str, Optimizer | Callable[[], Optimizer]] = field(default_factory=dict)
    shared: Mapping[str, Names] = field(default_factory=dict)
    holds: Mapping[str, Names] = field(default_factory=dict)
    keeps: Mapping[str, object] = field(default_factory=dict)
    equal_at_start: Mapping[str, str] = field(default_factory=dict)
    restores: Sequence[object] = ()

    def __post_init__(self) -> None:
        for name in ("shared", "holds"):
            value = {key: _names(names) for key, names in getattr(self, name).items()}
            object.__setattr__(self, name, value)
        self._check()

    def permission(self, row: UpdateRow) -> Permission:
        """Return what a row may do; of several parts together, what any of them may."""
        whole = self.updates.get(row.update, Permission())
        if not row.parts:
            return whole
        permissions = [whole.split.get(part, Permission()) for part in row.parts]
        return permissions[0] if len(permissions) == 1 else _union(permissions)

    def rows(self) -> list[UpdateRow]:
        """Return a row per update, and per part of a split one."""
        return [row for update in self.updates for row in self.rows_of(update)]

    def rows_of(self, update: str) -> list[UpdateRow]:
        return UpdateRow(update, tuple(self.updates[update].split)).single_parts()

    def _check(self) -> None:
        _require(bool(self.modules), "modules is empty: name at least one")
        _require(bool(self.updates), "updates is empty: name at least one")
        for name, permission in self.updates.items():
            _require(
                isinstance(permission, Permission),
                f"updates[{name!r}] is {_typed(permission)}: it takes trains(...), moves(...), "
                "follows(...), nothing() or split(...)",
            )
            for where, module in permission.modules_named():
                self._known_module(module, f"updates[{name!r}] ({where})")
            for part, inner in permission.split.items():
                self._known_part(name, part, inner)
        for name, optimizer in self.optimizers.items():
            _require(
                isinstance(optimizer, Optimizer) or callable(optimizer),
                f"optimizers[{name!r}] is {_typed(optimizer)}: it takes a torch.optim.Optimizer, "
                "or a function that returns one",
            )
        for owner, borrowers in self.shared.items():
            for module in (owner, *borrowers):
                self._known_module(module, "shared")
        for name, held in self.holds.items():
            _require(
                name in self.optimizers,
                f"holds names the optimizer {name!r}, which is not among "
                f"{_listed(self.optimizers)}",
            )
            for module in held:
                self._known_module(module, f"holds[{name!r}]")
        for pair in self.equal_at_start.items():
            for module in pair:
                self._known_module(module, "equal_at_start")

    def _known_module(self, module: object, where: str) -> None:
        _require(
            module in self.modules,
            f"{where} names the module {module!r}, which is not among {_listed(self.modules)}",
        )

    def _known_part(self, update: str, part: str, inner: object) -> None:
        _require(
            isinstance(inner, Permission) and not inner.split,
            f"the part {part!r} of updates[{update!r}] is {_typed(inner)}: it takes trains(...), "
            "moves(...), follows(...) or nothing()",
        )
        _require(
            part == REST or part in self.optimizers,
            f"updates[{update!r}] splits at the optimizer {part!r}, which is not among "
            f"{_listed(self.optimizers)} (or {REST!r})",
        )


def _union(permissions: Iterable[Permission]) -> Permission:
    """What any of `permissions` allows; of what must happen, nothing."""
    union = Permission()
    for each in permissions:
        union = replace(
            union,
            optional=union.optional + each.trains + each.optional,
            moves=union.moves + each.moves + tuple(each.follows),
            through=union.through + each.through,
        )
    return union


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ContractError(sentence)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "any (none is named)"


def _typed(value: object) -> str:
    return f"a {type(value).__name__} ({value!r:.60})"
