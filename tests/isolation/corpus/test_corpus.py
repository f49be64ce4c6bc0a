"""The audit finds every reported mistake and nothing in the fixed twins and false alarms."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, audit
from ddpg.isolation.observe.ledger import same_bits
from tests.isolation.corpus.case import CaseFile, Example, Updates, collect
from tests.isolation.corpus.outcome import audit_example

CORPUS = collect()
BROKEN = [case_file for case_file in CORPUS if not case_file.case.false_alarm]
FALSE_ALARMS = [case_file for case_file in CORPUS if case_file.case.false_alarm]

# PyTorch warns about parameters that an optimizer holds twice: the mistake in some cases.
pytestmark = pytest.mark.filterwarnings(
    "ignore:optimizer contains a parameter group with duplicate"
)

ORDER_MATTERS = {
    "d/toggle_unfreezes": "the update that runs first changes requires_grad for the second",
    "h/sync_makes_the_target_the_model": "if the sync runs first, the networks are still equal",
    "k/experience_keeps_graphs": "training needs the experience of a rollout",
    "k/states_made_in_inference_mode": "training needs the states of a rollout",
}


def reverse_updates(example: Example) -> Example:
    """Return an example with the same updates in reversed order."""

    def reversed_example() -> tuple[Contract, Updates]:
        contract, updates = example()
        return contract, dict(reversed(list(updates.items())))

    return reversed_example


def for_cases(corpus: list[CaseFile]) -> pytest.MarkDecorator:
    """Parametrize a test over `corpus`."""
    return pytest.mark.parametrize("case_file", corpus, ids=lambda case_file: case_file.name)


def test_the_corpus_covers_every_class_of_mistake() -> None:
    assert {each.case.mistake_class for each in BROKEN} == set("ABCDEFGHIJKLMNO")
    assert len(BROKEN) >= 45
    assert len(FALSE_ALARMS) >= 12


@for_cases(CORPUS)
def test_a_case_is_in_the_folder_of_its_class_and_cites_its_source(case_file: CaseFile) -> None:
    case = case_file.case
    assert case_file.name.startswith(f"{case.mistake_class.lower()}/")
    assert case.identifier.startswith(case.mistake_class)
    assert case_file.module.__doc__
    if case.mistake_class == "O":
        return
    assert case.url.startswith("https://")
    assert case.url in case_file.module.__doc__


@for_cases(BROKEN)
def test_the_findings_of_the_broken_example_are_the_expected_ones(case_file: CaseFile) -> None:
    outcome = audit_example(case_file.example("broken"), case_file.case.expected)
    assert not outcome.missed
    assert not outcome.unexpected


@for_cases(BROKEN)
def test_the_fixed_twin_has_no_findings(case_file: CaseFile) -> None:
    assert not audit_example(case_file.example("fixed")).unexpected


@for_cases(FALSE_ALARMS)
def test_a_false_alarm_has_no_findings(case_file: CaseFile) -> None:
    assert not audit_example(case_file.example("example")).unexpected


@for_cases([each for each in BROKEN if each.name not in ORDER_MATTERS])
def test_reversed_updates_give_the_same_findings(case_file: CaseFile) -> None:
    if len(case_file.example("broken")()[1]) == 1:
        return
    outcome = audit_example(reverse_updates(case_file.example("broken")), case_file.case.expected)
    assert not outcome.missed
    assert not outcome.unexpected
    assert not audit_example(reverse_updates(case_file.example("fixed"))).unexpected


@for_cases(FALSE_ALARMS)
def test_a_false_alarm_has_no_findings_reversed_or_in_one_round(case_file: CaseFile) -> None:
    example = case_file.example("example")
    assert not audit_example(reverse_updates(example)).unexpected
    assert audit(*example(), rounds=1).kept


@for_cases(CORPUS)
def test_the_audit_restores_everything(case_file: CaseFile) -> None:
    contract, updates = case_file.example("example" if case_file.case.false_alarm else "broken")()
    before = copy_state(contract)
    audit(contract, updates)
    assert_same(before, copy_state(contract))


def copy_state(contract: Contract) -> dict[str, Any]:
    """Copy all tensors, gradients, modes and states that an update may write to."""
    modules = {name: resolve(module) for name, module in contract.modules.items()}
    optimizers = {name: resolve(optimizer) for name, optimizer in contract.optimizers.items()}
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


def resolve(value: Any) -> Any:
    """Return the result of `value` if it is a function, else `value`."""
    is_function = callable(value) and not isinstance(value, nn.Module)
    return value() if is_function else value


def tensors_of(
    module: nn.Module | Tensor | Sequence[Any] | Mapping[str, Any],
) -> list[Tensor]:
    if isinstance(module, nn.Module):
        return [*module.parameters(), *module.buffers()]
    if isinstance(module, Tensor):
        return [module]
    values = module.values() if isinstance(module, Mapping) else module
    return [tensor for each in values for tensor in tensors_of(each)]


def assert_same(before: Any, after: Any) -> None:
    """Assert bit-identical values, recursively in dictionaries, lists and tuples."""
    assert type(before) is type(after)
    if isinstance(before, Tensor):
        assert before.is_meta == after.is_meta
        assert before.is_meta or same_bits(before, after)
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
