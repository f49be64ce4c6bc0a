"""Claims of a section in words, each with its status and the numbers behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ddpg.comparison.report.analysis import Analysis, CurveSummary
from ddpg.comparison.report.statistics import Estimate, rounded
from ddpg.comparison.report.variants import Variant
from ddpg.stops import Effect

ClaimStatus = Literal[
    "held", "broken", "leaks", "starves", "control", "confirmed", "refuted", "open"
]
"""Of a barrier: held, broken, or as expected without one. Of a sentence: confirmed or refuted."""

_TRAINED = {"critic_update": "critic", "actor_update": "actor"}
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_EXPECTATIONS: dict[Effect, tuple[ClaimStatus, str, str]] = {
    Effect.PROTECTS: ("held", "protect and train", "protects and trains"),
    Effect.LEAKS: ("leaks", "leak, as expected", "leaks, as expected"),
    Effect.STARVES: ("starves", "do not train, as expected", "does not train, as expected"),
}
"""Expected effect -> status where it is observed, and its verb for several stops and for one."""


@dataclass(frozen=True)
class SectionClaim:
    """One sentence about a section."""

    status: ClaimStatus
    text: str


@dataclass(frozen=True)
class ExpectationCheck:
    """Expected and observed behaviour of the variants of one curve that behave alike."""

    label: str
    expected: str
    observed: str
    status: ClaimStatus
    summary: CurveSummary
    learning: str
    """Comparison of the final score with the control's and the protected curve's."""
    last_evaluation: str
    """Q and discounted return of the last evaluation."""


def section_claims(analysis: Analysis) -> list[SectionClaim]:
    """Return the claims about curves, expectations and learning."""
    return [*_curve_claims(analysis), *_expectation_claims(analysis), *_learning_claims(analysis)]


def expectation_checks(analysis: Analysis) -> list[ExpectationCheck]:
    """Return one check per distinct behaviour, in the order of the section's curves."""
    checks: list[ExpectationCheck] = []
    for summary in analysis.curves:
        groups: dict[tuple[str, str, ClaimStatus], list[str]] = {}
        for variant in summary.curve.variants:
            behaviour = (
                variant.expected.value + (": the control" if variant.is_control else ""),
                observation(analysis, variant),
                variant_status(analysis, variant),
            )
            groups.setdefault(behaviour, []).append(variant.name)
        checks += [
            ExpectationCheck(
                _join(labels),
                *behaviour,
                summary,
                _learning(analysis, summary),
                _last_evaluation(summary),
            )
            for behaviour, labels in groups.items()
        ]
    return checks


def count(number: int, noun: str) -> str:
    """Return `nine stops`, `one curve` or `12 members`."""
    word = _COUNTS[number] if number < len(_COUNTS) else str(number)
    return f"{word} {noun}" + ("" if number == 1 else "s")


def _observed_effect(analysis: Analysis, variant: Variant) -> Effect | None:
    """Return the effect of the stop in the audits; None without audits."""
    update = analysis.section.update
    grades = {
        module: audit.grade
        for (audited_update, module), audit in analysis.audits[variant.label].items()
        if audited_update == update
    }
    if not grades:
        return None
    trained = _TRAINED[update]
    if grades[trained] < 3:
        return Effect.STARVES
    others = [grade for module, grade in grades.items() if module != trained]
    return Effect.LEAKS if max(others) == 3 else Effect.PROTECTS


def variant_status(analysis: Analysis, variant: Variant) -> ClaimStatus:
    """Return the status of a variant's barrier in the audits."""
    observed = _observed_effect(analysis, variant)
    if observed is None:
        return "open"
    if observed is variant.expected:
        return "control" if variant.is_control else _EXPECTATIONS[observed][0]
    # An audit samples updates, so it can miss a rare leak.
    missed = variant.expected is Effect.LEAKS and observed is Effect.PROTECTS
    return "open" if missed else "broken"


def observation(analysis: Analysis, variant: Variant) -> str:
    """Return the modules that the section's update moved, in words."""
    audits = analysis.audits[variant.label]
    if not audits:
        return "not audited"
    moved = sorted(
        module
        for (update, module), audit in audits.items()
        if update == analysis.section.update and audit.grade == 3
    )
    return f"moved {_join(moved)}" if moved else "moved nothing"


def _curve_claims(analysis: Analysis) -> Iterable[SectionClaim]:
    section = analysis.section
    for curve in section.curves:
        if len(curve.variants) > 1:
            names = _join([variant.name for variant in curve.variants])
            yield SectionClaim(
                "confirmed",
                f"{count(len(curve.variants), 'stop').capitalize()}, one curve: {names} give "
                f"bit-identical returns, losses and values (hash {curve.first.hash}).",
            )
    for curve in section.curves:
        protected = section.protected(curve)
        if protected is None or protected is curve:
            continue
        if curve.first.expected is Effect.PROTECTS:
            yield SectionClaim(
                "broken",
                f"The curve of {curve.short_label} should match that of {protected.short_label} "
                "exactly but differs. With equal settings and seeds, the cause is a different CPU "
                "or a broken stop.",
            )


def _expectation_claims(analysis: Analysis) -> Iterable[SectionClaim]:
    variants = analysis.section.variants
    status = {variant.label: variant_status(analysis, variant) for variant in variants}
    controls = [variant.label for variant in variants if status[variant.label] == "control"]
    if controls:
        verb = "is the control: it has no barrier and leaks"
        if len(controls) > 1:
            verb = "are controls: they have no barrier and leak"
        yield SectionClaim("control", f"{_join(controls)} {verb}.")
    for as_expected, several, one in _EXPECTATIONS.values():
        names = [variant.label for variant in variants if status[variant.label] == as_expected]
        if names:
            verb = one if len(names) == 1 else several
            yield SectionClaim(as_expected, f"{_join(names)} {verb}: the audits confirm it.")
    for variant in variants:
        if status[variant.label] == "broken":
            yield SectionClaim(
                "broken",
                f"{variant.label} should {_EXPECTATIONS[variant.expected][1].split(',')[0]}, but "
                f"in the audits its update {observation(analysis, variant)}.",
            )
        elif status[variant.label] == "open" and analysis.audits[variant.label]:
            yield SectionClaim("open", f"{variant.label} should leak, but no audit met its leak.")


def _learning_claims(analysis: Analysis) -> Iterable[SectionClaim]:
    """Compare protecting stops with the control; the table has all other comparisons."""
    for summary in analysis.curves:
        improvement = summary.improvement
        if summary.curve.first.expected is Effect.PROTECTS and improvement is not None:
            status: ClaimStatus = "confirmed" if improvement.low > 0.5 else "refuted"
            if improvement.low <= 0.5 <= improvement.high:
                status = "open"
            yield SectionClaim(
                status,
                "Protection improves learning: the final score of "
                f"{summary.curve.short_label} is {_comparison(improvement)} the control's "
                f"(P(better) {improvement}, {count(improvement.members, 'member')}).",
            )


def _comparison(improvement: Estimate) -> str:
    if improvement.low > 0.5:
        return "better than"
    return "worse than" if improvement.high < 0.5 else "indistinguishable from"


def _learning(analysis: Analysis, summary: CurveSummary) -> str:
    comparisons = [
        f"{_comparison(improvement)} the {other}"
        for other, improvement in (
            ("control", summary.improvement),
            ("protected curve", summary.over_protected),
        )
        if improvement is not None
    ]
    if analysis.section.control(summary.curve) is summary.curve:
        comparisons.insert(0, "the control")
    return ", ".join(comparisons)


def _last_evaluation(summary: CurveSummary) -> str:
    """Return the critic's value and the discounted return of the last evaluation."""
    if summary.value is None or summary.discounted is None:
        return "not logged"
    value, discounted = summary.value.value[-1], summary.discounted.value[-1]
    return f"Q {rounded(value)}, discounted return {rounded(discounted)}"


def _join(names: list[str]) -> str:
    """Return `a`, `a and b` or `a, b and c`; `a, x; b; and c` if a name has a comma."""
    if len(names) < 2:
        return "".join(names)
    if any("," in name for name in names):
        return f"{'; '.join(names[:-1])}; and {names[-1]}"
    return f"{', '.join(names[:-1])} and {names[-1]}"
