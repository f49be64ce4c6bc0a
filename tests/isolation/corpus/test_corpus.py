"""The audit names every reported mistake, and neither a mended twin nor a false alarm."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, audit
from tests.isolation.corpus.case import Example, Filed, Updates, collect
from tests.isolation.corpus.outcome import outcome

CORPUS = collect()
BROKEN = [filed for filed in CORPUS if not filed.case.false_alarm]
FALSE_ALARMS = [filed for filed in CORPUS if filed.case.false_alarm]

# PyTorch's own word on a parameter that an optimizer holds twice, which is the mistake of a class.
pytestmark = pytest.mark.filterwarnings(
    "ignore:optimizer contains a parameter group with duplicate"
)

ORDER_MATTERS = {
    "d/toggle_unfreezes": "the update that runs first leaves the modes changed",
    "h/sync_makes_the_target_the_model": "nothing has moved yet when the sync runs first",
    "k/experience_keeps_graphs": "there is no experience before the rollout",
    "k/states_made_in_inference_mode": "there are no states before the rollout",
}


def reversed_order(example: Example) -> Example:
    """The same updates, the last one first."""

    def turned() -> tuple[Contract, Updates]:
        contract, updates = example()
        return contract, dict(reversed(list(updates.items())))

    return turned


def each_of(corpus: list[Filed]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("filed", corpus, ids=lambda filed: filed.name)


def test_the_corpus_covers_every_class_of_mistake() -> None:
    assert {filed.case.mistake_class for filed in BROKEN} == set("ABCDEFGHIJKLMN")
    assert len(BROKEN) >= 45
    assert len(FALSE_ALARMS) >= 12


@each_of(CORPUS)
def test_a_case_stands_in_its_class_and_names_its_source(filed: Filed) -> None:
    case = filed.case
    assert filed.name.startswith(f"{case.mistake_class.lower()}/")
    assert case.identifier.startswith(case.mistake_class)
    assert case.url.startswith("https://")
    assert filed.module.__doc__
    assert case.url in filed.module.__doc__


@each_of(BROKEN)
def test_the_broken_example_is_named(filed: Filed) -> None:
    result = outcome(filed.example("broken"), filed.case.expected)
    assert not result.missed
    assert not result.false


@each_of(BROKEN)
def test_the_mended_twin_is_clean(filed: Filed) -> None:
    assert not outcome(filed.example("mended")).false


@each_of(FALSE_ALARMS)
def test_a_false_alarm_is_clean(filed: Filed) -> None:
    assert not outcome(filed.example("example")).false


@each_of([filed for filed in BROKEN if filed.name not in ORDER_MATTERS])
def test_the_order_of_the_updates_hides_nothing(filed: Filed) -> None:
    result = outcome(reversed_order(filed.example("broken")), filed.case.expected)
    assert not result.missed
    assert not result.false
    assert not outcome(reversed_order(filed.example("mended"))).false


@each_of(FALSE_ALARMS)
def test_a_false_alarm_is_clean_in_any_order_and_in_one_round(filed: Filed) -> None:
    example = filed.example("example")
    assert not outcome(reversed_order(example)).false
    assert audit(*example(), rounds=1).kept


@each_of(CORPUS)
def test_the_audit_puts_everything_back(filed: Filed) -> None:
    contract, updates = filed.example("example" if filed.case.false_alarm else "broken")()
    before = state(contract)
    audit(contract, updates)
    assert_same(before, state(contract))


def state(contract: Contract) -> dict[str, Any]:
    """A copy of everything that an update may write to."""
    modules = {name: called(module) for name, module in contract.modules.items()}
    optimizers = {name: called(optimizer) for name, optimizer in contract.optimizers.items()}
    return {
        "tensors": {
            name: [
                (tensor.detach().clone(), tensor.requires_grad, copy.deepcopy(tensor.grad))
                for tensor in tensors_of(module)
            ]
            for name, module in modules.items()
        },
        "modes": {
            name: [part.training for part in module.modules()]
            for name, module in modules.items()
            if isinstance(module, nn.Module)
        },
        "optimizers": {
            name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in optimizers.items()
        },
        "random": torch.get_rng_state(),
    }


def called(value: Any) -> Any:
    """What a contract names: itself, or what its function returns."""
    is_function = callable(value) and not isinstance(value, nn.Module)
    return value() if is_function else value


def tensors_of(
    module: nn.Module | Tensor | Sequence[Tensor] | Mapping[str, Tensor],
) -> list[Tensor]:
    if isinstance(module, nn.Module):
        return [*module.parameters(), *module.buffers()]
    if isinstance(module, Tensor):
        return [module]
    return list(module.values() if isinstance(module, Mapping) else module)


def assert_same(before: Any, after: Any) -> None:
    """Equal to the bit, through dictionaries, lists and tuples."""
    assert type(before) is type(after)
    if isinstance(before, Tensor):
        assert torch.equal(before, after)
    elif isinstance(before, Mapping):
        assert before.keys() == after.keys()
        for key in before:
            assert_same(before[key], after[key])
    elif isinstance(before, list | tuple):
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert_same(one, other)
    else:
        assert before == after
