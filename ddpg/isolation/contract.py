"""Contract: the modules and optimizers of an agent, and what each update may do to them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

REST = "rest"
"""Part of a split update outside of every optimizer step."""


class ContractError(ValueError):
    """An entry of a contract, or an argument of an audit, is not allowed."""


def not_allowed(place: str, value: object, allowed: str) -> ContractError:
    """Return the error for an entry or argument that is not allowed."""
    text = " ".join(repr(value).split())
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return ContractError(f"{place}: {shown} is not allowed; allowed: {allowed}")


def listed(names: Iterable[str]) -> str:
    """Return the quoted names, separated by commas."""
    return ", ".join(map(repr, names))


def shortened(names: Iterable[str], most: int = 4) -> str:
    """Return `a, b, c, d and 9 more`."""
    listed = list(names)
    if len(listed) <= most:
        return ", ".join(listed)
    return f"{', '.join(listed[:most])} and {len(listed) - most} more"


@dataclass(frozen=True)
class UpdateRow:
    """Row of a report: an update, or parts of a split update.

    Attributes:
        parts: an optimizer or `rest`; several optimizers if their steps share a backward pass;
            empty if the update is not split.
    """

    update: str
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.update}/{'+'.join(self.parts)}" if self.parts else self.update

    def single_parts(self) -> "list[UpdateRow]":
        """Return a row per part; the row itself if the update is not split."""
        return [UpdateRow(self.update, (part,)) for part in self.parts] or [self]


@dataclass(frozen=True)
class Permission:
    """Effects that an update may have. Made by `trains`, `moves`, `follows`, `nothing`, `split`.

    The fields contain names of modules. `follows` maps a follower to its source, `terms` a loss
    term to a permission, and `split` an optimizer or `rest` to a permission.
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

    def named_modules(self) -> Iterator[tuple[str, str]]:
        """Yield (field, module) for every module that the permission names."""
        for name in ("trains", "moves", "through", "optional", "frozen", "eval_mode", "train_mode"):
            for module in getattr(self, name):
                yield name, module
        for pair in self.follows.items():
            for module in pair:
                yield "follows", module
        for inner in (*self.terms.values(), *self.split.values()):
            yield from inner.named_modules()


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
    """Permit an update to train `modules` by gradients, and to have the effects named here.

    Args:
        modules: every trainable parameter of these must get a gradient and move by it.
        moves: modules that may move, but not by a gradient.
        follows: follower → source, as in `follows`.
        through: modules that the loss may go through: reached and written, but not moved.
        optional: modules that may be trained.
        frozen: modules whose parameters must not require grad in the forward pass.
        eval_mode: modules that must be in eval mode in the forward pass.
        train_mode: modules that must be in train mode in the forward pass.
        terms: loss term (see `term`) → permission of the term.
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
    """Permit an update to move `modules`, but not by gradients; `others` as for `trains`."""
    return trains(moves=modules, **others)


def nothing(**others: Any) -> Permission:
    """Permit an update (acting, evaluating) to touch no module; `others` as for `trains`."""
    return trains(**others)


def follows(**pairs: str) -> Permission:
    """Permit each follower to move towards its source: `follows(critic_target="critic")`."""
    return trains(follows=pairs)


def split(**parts: Permission) -> Permission:
    """Permit a call that runs several updates; the audit cuts it at the optimizers' steps.

    Args:
        parts: optimizer or `rest` → permission of the part. `critic+encoder` means the steps
            of two optimizers that apply one backward pass.
    """
    return Permission(split=parts)


@dataclass(frozen=True)
class Contract:
    """Modules, optimizers and updates of an agent, and the permission of each update.

    Args:
        modules: name → module, tensor, list or dict of these, or a function that returns one.
        updates: name → permission.
        optimizers: name → optimizer, or a function that returns one.
        shared: owner → modules that share its parameters on purpose.
        holds: optimizer → modules that it may hold besides those that its updates train.
        keeps: name → objects that the agent stores between updates.
        equal_at_start: target → source that it must equal when the audit begins.
        restores: further objects that a dry run restores.

    Raises:
        ContractError: a name is not declared, or a value has the wrong type.
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
        """Return the permission of a row; for several parts, the union of their permissions."""
        whole = self.updates.get(row.update, Permission())
        if not row.parts:
            return whole
        for name, permission in whole.split.items():
            if set(self._optimizers_in(name)) == set(row.parts):
                return permission
        permissions = [whole.split.get(part, Permission()) for part in row.parts]
        return permissions[0] if len(permissions) == 1 else _union(permissions)

    def rows(self) -> list[UpdateRow]:
        """Return a row per update, and per part of a split one."""
        return [row for update in self.updates for row in self.rows_of(update)]

    def rows_of(self, update: str) -> list[UpdateRow]:
        parts = self.updates[update].split
        return [UpdateRow(update, self._optimizers_in(part)) for part in parts] or [
            UpdateRow(update)
        ]

    def _optimizers_in(self, part: str) -> tuple[str, ...]:
        """Return the names in a part such as `critic` or `critic+encoder`."""
        return (part,) if part in self.optimizers else tuple(part.split("+"))

    def _check(self) -> None:
        for field_name in ("modules", "updates"):
            if not getattr(self, field_name):
                raise not_allowed(field_name, {}, "at least one entry")
        for name, permission in self.updates.items():
            self._check_update(name, permission)
        for name, optimizer in self.optimizers.items():
            if not (hasattr(optimizer, "param_groups") or callable(optimizer)):
                allowed = "a torch.optim.Optimizer, or a function that returns one"
                raise not_allowed(f"optimizers[{name!r}]", optimizer, allowed)
        for owner, borrowers in self.shared.items():
            self._check_modules((owner, *borrowers), "shared")
        for name, modules in self.holds.items():
            if name not in self.optimizers:
                allowed = f"optimizers ({listed(self.optimizers) or 'none are named'})"
                raise not_allowed("holds", name, allowed)
            self._check_modules(modules, f"holds[{name!r}]")
        for pair in self.equal_at_start.items():
            self._check_modules(pair, "equal_at_start")

    def _check_update(self, name: str, permission: object) -> None:
        place = f"updates[{name!r}]"
        allowed = "trains(...), moves(...), follows(...), nothing()"
        if not isinstance(permission, Permission):
            raise not_allowed(place, permission, f"{allowed}, split(...)")
        for part, inner in permission.split.items():
            if not isinstance(inner, Permission) or inner.split:
                raise not_allowed(f"{place} (split), {part!r}", inner, allowed)
            if part != REST and not set(self._optimizers_in(part)) <= self.optimizers.keys():
                optimizers = listed(self.optimizers) or "none are named"
                allowed = f"{REST!r}, optimizers ({optimizers}), several joined by '+'"
                raise not_allowed(f"{place} (split)", part, allowed)
        for field_name, module in permission.named_modules():
            self._check_modules([module], f"{place} ({field_name})")

    def _check_modules(self, modules: Iterable[str], place: str) -> None:
        for module in modules:
            if module not in self.modules:
                raise not_allowed(place, module, listed(self.modules))


def _union(permissions: Iterable[Permission]) -> Permission:
    """Return a permission that allows what any of `permissions` does, and requires nothing."""
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
