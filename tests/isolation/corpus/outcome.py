"""Findings of the audit on an example, compared with the expected ones."""

from dataclasses import dataclass

from ddpg.isolation import Finding, audit
from tests.isolation.corpus.case import Example, Expected


@dataclass(frozen=True)
class Outcome:
    """Expected findings that the audit made and missed, and findings that were not expected."""

    made: tuple[Expected, ...]
    missed: tuple[Expected, ...]
    unexpected: tuple[Finding, ...]


def audit_example(example: Example, expected: tuple[Expected, ...] = ()) -> Outcome:
    """Audit an example and compare its findings with `expected`."""
    findings = audit(*example()).findings
    made = tuple(each for each in expected if any(_matches(each, one) for one in findings))
    return Outcome(
        made=made,
        missed=tuple(each for each in expected if each not in made),
        unexpected=tuple(
            one for one in findings if not any(_matches(each, one) for each in expected)
        ),
    )


def _matches(expected: Expected, finding: Finding) -> bool:
    fields = ("update", "module", "verdict", "grade", "kind", "loss")
    entry = finding.path.entry if finding.path else ""
    return expected.entry in entry and all(
        getattr(expected, field) == getattr(finding, field) for field in fields
    )
