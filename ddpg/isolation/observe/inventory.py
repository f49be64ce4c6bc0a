"""Inventory: the tensors of the named modules, and the owner of each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..contract import Contract, ContractError, ModuleLike, not_allowed

_NamedTensor = tuple[str, Tensor, bool]
"""Name, tensor, and True for a buffer."""
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Names under which DataParallel, AveragedModel, `torch.compile` and others keep a network."""
_MODULE_LIKE = (
    "an nn.Module, a tensor, a list or dict of these, or a function without arguments that returns "
    "one of these"
)


@dataclass(frozen=True, eq=False)
class Entry:
    """One tensor of the named modules.

    Attributes:
        tensor: parameter or buffer.
        names: module → name within the module, for every module that contains the tensor.
        owners: modules that it belongs to; several only if they share it undeclared.
        is_buffer: a buffer, or a plain tensor that does not require grad.
        is_alias: it shares storage with another entry, which represents both.
    """

    tensor: Tensor
    names: Mapping[str, str]
    owners: tuple[str, ...]
    is_buffer: bool
    is_alias: bool

    @property
    def label(self) -> str:
        """`module.name`."""
        owner = self.owners[0]
        name = self.names.get(owner) or next(iter(self.names.values()))
        return f"{owner}.{name}"


class Inventory:
    """All tensors of a contract's modules at one moment.

    Attributes:
        modules: name → module, tensor, or list or dict of tensors.
        entries: identity of a tensor → entry.
        by_owner: module → entries that it owns.
        by_storage: address of a storage → identity of a tensor in it.
        groups: pairs of (identities of tensors that share memory, modules that contain them).
    """

    def __init__(self, contract: Contract) -> None:
        self.modules = {name: _resolved(name, value) for name, value in contract.modules.items()}
        tensors: dict[int, Tensor] = {}
        names: dict[int, dict[str, str]] = defaultdict(dict)
        buffers: set[int] = set()
        for module, value in self.modules.items():
            named = _named_tensors(value)
            _require_shapes(module, named)
            for name, tensor, is_buffer in named:
                if tensor.is_meta:  # it has no values
                    continue
                tensors[id(tensor)] = tensor
                names[id(tensor)].setdefault(module, name)
                if is_buffer:
                    buffers.add(id(tensor))
        self.groups = [
            (group, {each for key in group for each in names[key]})
            for group in _alias_groups(tensors)
        ]
        extents = {
            name: {index for index, (_, holders) in enumerate(self.groups) if name in holders}
            for name in self.modules
        }
        self.entries: dict[int, Entry] = {}
        for group, holders in self.groups:
            owners = _owners(holders, contract, extents)
            first = next((key for key in group if set(owners) & set(names[key])), group[0])
            for key in group:
                self.entries[key] = Entry(
                    tensors[key], names[key], owners, key in buffers, is_alias=key != first
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

    def primary(self) -> list[Entry]:
        """Return the entries without aliases."""
        return [entry for entry in self.entries.values() if not entry.is_alias]

    def signature(self) -> dict[tuple[str, str], int]:
        """Return (module, name) → identity of the tensor, to find replaced tensors."""
        return {
            (module, name): key
            for key, entry in self.entries.items()
            for module, name in entry.names.items()
        }

    def within(self, module: str) -> dict[str, Tensor]:
        """Return name → tensor for all tensors in the module, own or shared."""
        return {
            entry.names[module]: entry.tensor
            for entry in self.entries.values()
            if module in entry.names
        }

    def submodules(self) -> dict[int, tuple[str, str]]:
        """Return identity of a submodule → (smallest named module around it, name within that)."""
        places: dict[int, tuple[str, str]] = {}
        modules = {n: m for n, m in self.modules.items() if isinstance(m, nn.Module)}
        for name in sorted(modules, key=lambda n: -len(self.within(n))):
            for inner, module in modules[name].named_modules():
                places[id(module)] = (name, inner)
        return places


def unwrapped_name(name: str) -> str:
    """Return the name of a tensor without the prefixes of wrappers such as DataParallel."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS) or name


def _resolved(name: str, value: ModuleLike | Callable[[], ModuleLike]) -> ModuleLike:
    if not isinstance(value, nn.Module | Tensor | Sequence | Mapping) and callable(value):
        value = value()
    if isinstance(value, nn.Module | Tensor):
        return value
    modules = _modules_in(value)
    if modules:
        return _joined(modules)
    if isinstance(value, Mapping) and all(isinstance(each, Tensor) for each in value.values()):
        return value
    if isinstance(value, Sequence) and all(isinstance(each, Tensor) for each in value):
        return value
    if not isinstance(value, str) and isinstance(value, Iterable):
        allowed = "a list or dict of only tensors or only modules (list(module.parameters()))"
        raise not_allowed(f"modules[{name!r}]", value, allowed)
    raise not_allowed(f"modules[{name!r}]", value, _MODULE_LIKE)


def _modules_in(value: object) -> dict[str, nn.Module]:
    """Return the modules of a list or dict of modules; empty for any other value."""
    if isinstance(value, Mapping):
        named = {str(name): each for name, each in value.items()}
    elif isinstance(value, Sequence):
        named = {str(index): each for index, each in enumerate(value)}
    else:
        return {}
    modules = {name: each for name, each in named.items() if isinstance(each, nn.Module)}
    return modules if len(modules) == len(named) else {}


def _joined(modules: Mapping[str, nn.Module]) -> nn.Module:
    """Return one module that contains several, each under its name."""
    whole = nn.Module()
    for name, module in modules.items():
        whole.add_module(name.replace(".", "_"), module)
    return whole


def _require_shapes(module: str, named: list[_NamedTensor]) -> None:
    """Raise ContractError if lazy layers have no shape yet."""
    lazy = [name for name, tensor, _ in named if is_lazy(tensor)]
    if lazy:
        raise ContractError(
            f"cannot audit modules[{module!r}]: its lazy parameters ({', '.join(lazy)}) have no "
            "shape; run one batch through it first"
        )


def _named_tensors(value: ModuleLike) -> list[_NamedTensor]:
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
    """Return groups of identities of tensors that share memory, each in order of `tensors`."""
    at: dict[int, list[int]] = defaultdict(list)
    groups: list[list[int]] = []
    for key, tensor in tensors.items():
        if tensor.numel():
            at[tensor.untyped_storage().data_ptr()].append(key)
        else:
            groups.append([key])
    order = {key: index for index, key in enumerate(tensors)}
    for keys in at.values():
        # Tensors in one storage need not overlap: a flat buffer can be cut into parameters.
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
    """Return the first byte in the storage, and the byte after the last."""
    reach = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    start = int(tensor.storage_offset()) * tensor.element_size()
    return start, start + (int(reach) + 1) * tensor.element_size()


def _owners(
    holders: set[str], contract: Contract, extents: Mapping[str, set[int]]
) -> tuple[str, ...]:
    """Return the owners of a tensor that is in all modules `holders`.

    They are the declared owners, else the innermost module if the modules are nested, else all.

    Args:
        extents: module → indices of the groups in it.
    """
    borrowers = {
        name for owner in holders for name in contract.shared.get(owner, ()) if name in holders
    }
    if borrowers:
        # `shared` has to name all modules but those that contain a borrower.
        around = {n for n in holders if any(extents[b] < extents[n] for b in borrowers)}
        return tuple(name for name in contract.modules if name in holders - borrowers - around)
    by_size = sorted(holders, key=lambda name: (len(extents[name]), name))
    if all(extents[inner] < extents[outer] for inner, outer in pairwise(by_size)):
        return (by_size[0],)
    return tuple(name for name in contract.modules if name in holders)
