"""Discovery: the modules and optimizers of an agent, with names and expressions."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..contract import REST, ModuleLike
from ..observe.optimizers import held_by
from .walking import Place, is_parameters, submodule, walk_objects

_ROLE = re.compile(
    "actor|critic|policy|value|encoder|decoder|target|world|dynamics|reward|discriminator|generator"
)


@dataclass
class Discovery:
    """Modules and optimizers of an agent.

    Attributes:
        roots: variable → object that the expressions begin with.
        modules, optimizers: name → value.
        module_expressions, optimizer_expressions: name → Python code.
        shared: owner → modules that share its tensors.
    """

    roots: dict[str, object]
    modules: dict[str, ModuleLike] = field(default_factory=dict)
    optimizers: dict[str, Optimizer] = field(default_factory=dict)
    module_expressions: dict[str, str] = field(default_factory=dict)
    optimizer_expressions: dict[str, str] = field(default_factory=dict)
    shared: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def used_roots(self) -> dict[str, object]:
        """Return the variables that the expressions of modules and optimizers use."""
        code = [*self.module_expressions.values(), *self.optimizer_expressions.values()]
        names = {match for each in code for match in re.findall(r"^\w+|(?<=[\[( ])[a-z]\w*", each)}
        return {name: value for name, value in self.roots.items() if name in names}


def discover(
    roots: Mapping[str, object], late_roots: Mapping[str, object] | None = None
) -> Discovery:
    """Return the modules and optimizers that variables lead to, as in `walk_objects`."""
    places = list(walk_objects(roots, late_roots))
    optimizers = _named([each for each in places if isinstance(each.value, Optimizer)])
    held = [{id(p) for p in held_by(each.value)} for each in optimizers.values()]
    found: list[Place] = []
    for place in places:
        if isinstance(place.value, nn.Module):
            found += _parts(place, held)
        elif not isinstance(place.value, Optimizer):
            found.append(place)
    # Of two modules over the same storages, the one that an optimizer holds is named.
    found.sort(key=lambda place: not _is_held(place, held))
    found = _without_empty(_without_parts_of_modules(_once(found)))
    found += _tied(found)
    known = {id(t) for place in found for t in tensors_of(place.value)}
    found += [part for each in optimizers.values() for part in _unknown(each, known)]
    modules = _named(found)
    return Discovery(
        {**roots, **(late_roots or {})},
        {name: place.value for name, place in modules.items()},
        {_part_name(name): place.value for name, place in optimizers.items()},
        {name: place.expression for name, place in modules.items()},
        {_part_name(name): place.expression for name, place in optimizers.items()},
        _shared(modules),
    )


def differing_twins(found: Discovery) -> list[tuple[int, int]]:
    """Return identities of modules with equal names and shapes of tensors and different values."""
    modules = [each for each in found.modules.values() if isinstance(each, nn.Module)]
    states = {id(each): each.state_dict() for each in modules}
    shapes = {
        key: [(name, getattr(value, "shape", None)) for name, value in state.items()]
        for key, state in states.items()
    }
    return [
        (one, other)
        for one, other in permutations(states, 2)
        if shapes[one] == shapes[other] and not _are_equal(states[one], states[other])
    ]


def _are_equal(state: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return all(
        torch.equal(value, its)
        for value, its in zip(state.values(), other.values(), strict=True)
        if isinstance(value, Tensor) and isinstance(its, Tensor)
    )


def _is_held(place: Place, held: list[set[int]]) -> bool:
    return any(id(tensor) in each for tensor in tensors_of(place.value) for each in held)


def tensors_of(value: Any) -> list[Tensor]:
    """Return the tensors of a module, tensor, list or dict of tensors."""
    if isinstance(value, nn.Module):
        return [*value.parameters(), *value.buffers()]
    if isinstance(value, Tensor):
        return [value]
    return list(value.values() if isinstance(value, Mapping) else value)


def places_in_memory(value: Any) -> frozenset[tuple[int, int]]:
    """Return (address of the storage, offset) of each tensor: the same for tied tensors."""
    return frozenset(map(_memory, tensors_of(value)))


def _memory(tensor: Tensor) -> tuple[int, int]:
    address = tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided else 0
    return (address, int(tensor.storage_offset())) if address else (id(tensor), -1)


def _parts(place: Place, held: list[set[int]]) -> Iterator[Place]:
    """Yield a module, or its children if they have roles of their own.

    Args:
        held: identities of the parameters that each optimizer holds.
    """
    module = place.value
    if not _has_roles(module, held):
        yield place
        return
    by_key = isinstance(module, nn.ModuleDict | nn.ModuleList | nn.ParameterList | nn.ParameterDict)
    for name, child in module.named_children():
        key = int(name) if isinstance(module, nn.ModuleList) else name
        yield from _parts(place.item(key, child) if by_key else place.attribute(name, child), held)
    for name, tensor in [
        *module.named_parameters(recurse=False),
        *module.named_buffers(recurse=False),
    ]:
        yield place.item(name, tensor) if by_key else place.attribute(name, tensor)


def _has_roles(module: nn.Module, held: list[set[int]]) -> bool:
    """Return True for containers, and for modules whose children are trained apart."""
    children = [child for child in module.children() if tensors_of(child)]
    own = [*module.parameters(recurse=False)]
    if len(children) + len(own) < 2:
        return False
    if type(module).forward is nn.Module.forward:
        return True
    if type(module).__module__.startswith("torch."):
        return False
    parameters = {id(p) for p in module.parameters() if p.requires_grad}
    if any(parameters & each and parameters - each for each in held):
        return True
    return any(_ROLE.search(name) for name, child in module.named_children() if tensors_of(child))


def _once(places: Iterable[Place]) -> list[Place]:
    """Return the places without those whose value has been met."""
    met: dict[int, Place] = {}
    for place in places:
        met.setdefault(id(place.value), place)
    return list(met.values())


def _without_parts_of_modules(places: list[Place]) -> list[Place]:
    """Return the places without parameters that belong to a found module, as in a loop over it."""
    modules = [place for place in places if isinstance(place.value, nn.Module)]
    within = {each for place in modules for each in places_in_memory(place.value)}
    return [
        place
        for place in places
        if isinstance(place.value, nn.Module) or not places_in_memory(place.value) <= within
    ]


def _without_empty(places: list[Place]) -> list[Place]:
    """Return the places whose values have tensors that no smaller place has."""
    sets = [places_in_memory(place.value) for place in places]
    kept: list[Place] = []
    for index, (place, own) in enumerate(zip(places, sets, strict=True)):
        smaller = {key for each in sets if each < own for key in each}
        twin = own in sets[:index]
        if own - smaller and not twin:
            kept.append(place)
    return kept


def _tied(places: list[Place]) -> list[Place]:
    """Return the parts that several modules share and that no place names."""
    sets = [places_in_memory(place.value) for place in places]
    holders = Counter(each for own in sets for each in own)
    named = {id(place.value) for place in places}
    tied = {each for each, count in holders.items() if count > 1}
    for own in sets:
        if own <= tied and sum(own <= other for other in sets) > 1:
            tied -= own  # named already
    parts: list[Place] = []
    for place in places:
        if not isinstance(place.value, nn.Module):
            continue
        for name, part in place.value.named_modules():
            own = places_in_memory(part)
            if name and own and own <= tied and id(part) not in named:
                parts.append(submodule(place, name, part))
                tied -= own
    return parts


def _unknown(optimizer: Place, known: set[int]) -> Iterator[Place]:
    """Yield the parameters that an optimizer holds and that no variable leads to."""
    for index, group in enumerate(optimizer.value.param_groups):
        tensors = group["params"]
        if tensors and not any(id(tensor) in known for tensor in tensors):
            place = optimizer.attribute("param_groups", None).item(index, None)
            if is_parameters(tensors):
                expression = f'{place.expression}["params"]'
                tokens = (*optimizer.tokens, f"parameters[{index}]")
                yield Place(expression, tokens, list(tensors))
                known |= {id(tensor) for tensor in tensors}


def _shared(modules: Mapping[str, Place]) -> dict[str, tuple[str, ...]]:
    """Return owner → modules that contain it, for parts of several modules."""
    sets = {name: places_in_memory(place.value) for name, place in modules.items()}
    shared: dict[str, tuple[str, ...]] = {}
    for name, own in sets.items():
        around = [each for each in sets if each != name and own < sets[each]]
        direct = [a for a in around if not any(sets[b] < sets[a] for b in around)]
        if len(direct) > 1:
            shared[name] = tuple(direct)
    return shared


def _named(places: Iterable[Place]) -> dict[str, Place]:
    """Return name → place; a name is the shortest end of the expression that no other has."""
    listed = list(places)
    names: dict[str, Place] = {}
    for place in listed:
        name = _shortest(place, listed).replace("/", "_").replace("+", "_")
        while name in names:
            name += "'"
        names[name] = place
    return names


def _shortest(place: Place, places: Sequence[Place]) -> str:
    tails = (place.tokens[-length:] for length in range(1, len(place.tokens) + 1))
    for tail in tails:
        if sum(each.tokens[-len(tail) :] == tail for each in places) == 1:
            return ".".join(tail)
    return ".".join(place.tokens)


def _part_name(name: str) -> str:
    """Return the name of an optimizer; `rest` is a part of its own."""
    return f"{name}_optimizer" if name == REST else name
