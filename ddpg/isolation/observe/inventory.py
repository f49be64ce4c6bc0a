"""The tensors behind the names of a contract, and which module each of them belongs to."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from ..contract import Contract, ContractError, ModuleLike

_Named = tuple[str, Tensor, bool]
"""Name, tensor, and whether it is a buffer."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One tensor of the named modules.

    Attributes:
        tensor: the parameter or buffer itself.
        names: module → its name within that module, for every module that holds it.
        owners: the modules that it belongs to; several only if they share it without saying so.
        is_buffer: a buffer, or a tensor that was given as one of a dict or list and needs no grad.
        echo: it lies over the same storage as another entry, which stands for both.
    """

    tensor: Tensor
    names: Mapping[str, str]
    owners: tuple[str, ...]
    is_buffer: bool
    echo: bool

    @property
    def label(self) -> str:
        owner = self.owners[0]
        name = self.names.get(owner) or next(iter(self.names.values()))
        return f"{owner}.{name}"


class Inventory:
    """Every tensor of a contract's modules, as they are now."""

    def __init__(self, contract: Contract) -> None:
        self.modules = {name: _resolved(name, value) for name, value in contract.modules.items()}
        tensors: dict[int, Tensor] = {}
        names: dict[int, dict[str, str]] = defaultdict(dict)
        buffers: set[int] = set()
        for module, value in self.modules.items():
            for name, tensor, is_buffer in _initialised(module, _named_tensors(value)):
                tensors[id(tensor)] = tensor
                names[id(tensor)].setdefault(module, name)
                if is_buffer:
                    buffers.add(id(tensor))
        self.groups = _alias_groups(tensors)
        holders = [{each for key in group for each in names[key]} for group in self.groups]
        extents = {name: {i for i, h in enumerate(holders) if name in h} for name in self.modules}
        self.entries: dict[int, Entry] = {}
        for group, held_by in zip(self.groups, holders, strict=True):
            owners = _owners(held_by, contract, extents)
            first = next((key for key in group if set(owners) & set(names[key])), group[0])
            for key in group:
                self.entries[key] = Entry(
                    tensors[key], names[key], owners, key in buffers, echo=key != first
                )
        self.by_owner: dict[str, list[Entry]] = {name: [] for name in self.modules}
        for entry in self.entries.values():
            for owner in entry.owners:
                self.by_owner[owner].append(entry)
        self.by_storage = {
            entry.tensor.untyped_storage().data_ptr(): key
            for key, entry in self.entries.items()
            if entry.tensor.numel()
        }
        self.holders = list(zip(self.groups, holders, strict=True))

    def signature(self) -> dict[tuple[str, str], int]:
        """(module, name) → identity, to see that something was replaced."""
        return {
            (module, name): key
            for key, entry in self.entries.items()
            for module, name in entry.names.items()
        }

    def within(self, module: str) -> dict[str, Tensor]:
        """Every tensor that the module holds, by its name in there, its own or a borrowed one."""
        return {
            entry.names[module]: entry.tensor
            for entry in self.entries.values()
            if module in entry.names
        }


def optimizers_of(contract: Contract) -> dict[str, Optimizer]:
    """The optimizers of the contract, as they are now."""
    found: dict[str, Optimizer] = {}
    for name, value in contract.optimizers.items():
        optimizer = value if isinstance(value, Optimizer) else value()
        if not isinstance(optimizer, Optimizer):
            raise ContractError(
                f"optimizers[{name!r}] returned a {type(optimizer).__name__}: "
                "it takes a torch.optim.Optimizer"
            )
        found[name] = optimizer
    return found


def held_by(optimizer: Optimizer) -> list[Tensor]:
    """Every tensor in the optimizer's groups, as often as it is in there."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def _resolved(name: str, value: ModuleLike | Callable[[], ModuleLike]) -> ModuleLike:
    if not isinstance(value, nn.Module | Tensor | Sequence | Mapping) and callable(value):
        value = value()
    if isinstance(value, nn.Module | Tensor):
        return value
    parts = _parts(value)
    if parts:
        return _together(parts)
    if isinstance(value, Mapping) and all(isinstance(each, Tensor) for each in value.values()):
        return value
    if isinstance(value, Sequence) and all(isinstance(each, Tensor) for each in value):
        return value
    if not isinstance(value, str) and isinstance(value, Iterable):
        raise ContractError(
            f"modules[{name!r}] is a {type(value).__name__} that is neither of tensors nor of "
            "modules alone, or can be read only once: it takes a list (list(module.parameters()))"
        )
    raise ContractError(
        f"modules[{name!r}] is a {type(value).__name__}: it takes an nn.Module, a tensor, a list "
        "or dict of these, or a function without arguments that returns one of these"
    )


def _parts(value: object) -> dict[str, nn.Module]:
    """The modules of a list or dict of modules; empty if it is of anything else."""
    if isinstance(value, Mapping):
        named = {str(name): each for name, each in value.items()}
    elif isinstance(value, Sequence):
        named = {str(index): each for index, each in enumerate(value)}
    else:
        return {}
    modules = {name: each for name, each in named.items() if isinstance(each, nn.Module)}
    return modules if len(modules) == len(named) else {}


def _together(modules: Mapping[str, nn.Module]) -> nn.Module:
    """Several modules as one, each under its name."""
    whole = nn.Module()
    for name, module in modules.items():
        whole.add_module(name.replace(".", "_"), module)
    return whole


def _initialised(module: str, named: list[_Named]) -> list[_Named]:
    """The same, once lazy layers know their shapes."""
    lazy = [name for name, tensor, _ in named if is_lazy(tensor)]
    if lazy:
        raise ContractError(
            f"modules[{module!r}] has parameters without a shape yet ({', '.join(lazy)}): "
            "run one batch through it first"
        )
    return named


def _named_tensors(value: ModuleLike) -> list[_Named]:
    named: list[Any]
    if isinstance(value, nn.Module):
        named = [(name, tensor, False) for name, tensor in value.named_parameters()]
        return named + [(name, tensor, True) for name, tensor in value.named_buffers()]
    if isinstance(value, Tensor):
        return [("tensor", value, not value.requires_grad)]
    if isinstance(value, Mapping):
        named = list(value.items())
    else:
        named = [(str(index), tensor) for index, tensor in enumerate(value)]
    return [
        (name, tensor, not (tensor.requires_grad or isinstance(tensor, nn.Parameter)))
        for name, tensor in named
    ]


def _alias_groups(tensors: Mapping[int, Tensor]) -> list[list[int]]:
    """Identities whose tensors lie over the same memory, each group in order of first sight."""
    at: dict[int, list[int]] = defaultdict(list)
    groups: list[list[int]] = []
    for key, tensor in tensors.items():
        if tensor.numel():
            at[tensor.untyped_storage().data_ptr()].append(key)
        else:
            groups.append([key])
    order = {key: index for index, key in enumerate(tensors)}
    for keys in at.values():
        # Several tensors in one storage need not overlap (a flat buffer cut into parameters).
        open_groups: list[tuple[int, list[int]]] = []
        for start, stop, key in sorted((*_extent(tensors[key]), key) for key in keys):
            if open_groups and start < open_groups[-1][0]:
                end, group = open_groups[-1]
                group.append(key)
                open_groups[-1] = (max(end, stop), group)
            else:
                open_groups.append((stop, [key]))
        groups += [sorted(group, key=order.__getitem__) for _, group in open_groups]
    return groups


def _extent(tensor: Tensor) -> tuple[int, int]:
    """First byte and the one after the last, within the storage."""
    reach = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    start = int(tensor.storage_offset()) * tensor.element_size()
    return start, start + (int(reach) + 1) * tensor.element_size()


def _owners(
    holders: set[str], contract: Contract, extents: Mapping[str, set[int]]
) -> tuple[str, ...]:
    """Whose a tensor is: the declared owner's, else the innermost of modules within one another."""
    borrowers = {
        name for owner in holders for name in contract.shared.get(owner, ()) if name in holders
    }
    if borrowers:
        # Sharing that is declared is declared in full; only a module around all of the borrowers
        # may hold the part without a word.
        around = {n for n in holders if all(extents[b] < extents[n] for b in borrowers)}
        return tuple(name for name in contract.modules if name in holders - borrowers - around)
    left = sorted(holders, key=lambda name: (len(extents[name]), name))
    nested = all(extents[a] < extents[b] for a, b in pairwise(left))
    return (left[0],) if nested else tuple(name for name in contract.modules if name in left)
