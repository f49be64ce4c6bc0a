"""What the audit said of a case, beside what it should have said."""

from dataclasses import dataclass

from ddpg.isolation import Finding, audit
from tests.isolation.corpus.case import Example, Expected


@dataclass(frozen=True)
class Outcome:
    """The expected findings that were made and missed, and the findings that nobody expected."""

    found: tuple[Expected, ...]
    missed: tuple[Expected, ...]
    false: tuple[Finding, ...]


def outcome(example: Example, expected: tuple[Expected, ...] = ()) -> Outcome:
    """Audits an example. A finding is false if it is none of the expected ones."""
    findings = audit(*example()).findings
    found = tuple(each for each in expected if any(_matches(each, one) for one in findings))
    return Outcome(
        found=found,
        missed=tuple(each for each in expected if each not in found),
        false=tuple(one for one in findings if not any(_matches(each, one) for each in expected)),
    )


def _matches(expected: Expected, finding: Finding) -> bool:
    wanted = (expected.update, expected.module, expected.verdict, expected.grade, expected.kind)
    made = (finding.update, finding.module, finding.verdict, finding.grade, finding.kind)
    entry = finding.path.entry if finding.path else ""
    return wanted == made and finding.loss == expected.loss and expected.entry in entry
