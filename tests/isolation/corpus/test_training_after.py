"""Training after an audit is bit-identical to training without one, in every case."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from ddpg.isolation import audit
from tests.isolation.corpus.case import CaseFile, Example, collect
from tests.isolation.corpus.test_corpus import assert_same, copy_state

BATCHES = ("o/kept_values:batches_of_a_list", "o/kept_values:batches_of_a_generator")
"""Cases that use an iterator up: the audit says so in a note."""
EXAMPLES = [
    (case_file, which)
    for case_file in collect()
    for which in (("example",) if case_file.case.false_alarm else ("broken", "fixed"))
    if case_file.name not in BATCHES
]

pytestmark = pytest.mark.filterwarnings(
    "ignore:optimizer contains a parameter group with duplicate"
)


@pytest.mark.parametrize(
    ("case_file", "which"), EXAMPLES, ids=lambda each: getattr(each, "name", each)
)
def test_training_after_the_audit_is_the_training_without(case_file: CaseFile, which: str) -> None:
    audited = train_twice(case_file.example(which), with_audit=True)
    assert_same(train_twice(case_file.example(which), with_audit=False), audited)


@pytest.mark.parametrize("name", BATCHES)
def test_a_used_iterator_is_noted(name: str) -> None:
    case_file = next(each for each in collect() if each.name == name)
    for which in ("broken", "fixed"):
        report = audit(*case_file.example(which)())
        assert any("Batched.batches" in note for note in report.notes)
    finding = audit(*case_file.example("broken")()).findings[0]
    assert finding.path is None
    assert "StopIteration" in finding.no_path
    assert "path: missing" in audit(*case_file.example("broken")()).summary()


def train_twice(example: Example, *, with_audit: bool) -> dict[str, Any]:
    """Train a round, perhaps audit, and train another round; return the state and the errors."""
    torch.manual_seed(0)
    contract, updates = example()
    errors = run(updates)
    if with_audit:
        audit(contract, updates)
    errors += run(updates)
    return {**copy_state(contract), "errors": errors}


def run(updates: Mapping[str, Any]) -> list[str]:
    errors: list[str] = []
    for update in updates.values():
        try:
            update()
        except RuntimeError as error:
            errors.append(str(error).partition("\n")[0].partition(":")[0])
    return errors
