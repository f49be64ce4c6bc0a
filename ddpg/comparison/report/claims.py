"""What held and what did not, in words, each with the figures behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ddpg.comparison.report.analysis import Analysis, Score
from ddpg.comparison.report.statistics import Estimate
from ddpg.comparison.report.variants import Variant
from ddpg.stops import Effect

Verdict = Literal["held", "broken", "open"]

_TRAINED = {"critic_update": "critic", "actor_update": "actor"}
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Claim:
    """One sentence about a section, and whether the runs bear it out."""

    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Finding:
    """What a variant did, or several that did the same and gave one curve."""

    label: str
    promise: str
    """What its stop is said to do."""
    moved: str
    kept: Verdict
    """Whether the promise was kept."""
    score: Score
    learning: str
    flattery: str


def claims(analysis: Analysis) -> list[Claim]:
    """What the section bears out."""
    return [*_one_curve(analysis), *_promises(analysis), *_learning_claims(analysis)]


def findings(analysis: Analysis) -> list[Finding]:
    """In the order of the section's curves."""
    found: list[Finding] = []
    for score in analysis.scores:
        alike: dict[tuple[str, str, Verdict], list[str]] = {}
        for variant in score.curve.variants:
            did = (variant.promise.value, _moved(analysis, variant), _kept(analysis, variant))
            alike.setdefault(did, []).append(variant.label)
        found += [
            Finding(_listed(labels), *did, score, _learning(analysis, score), _flattery(score))
            for did, labels in alike.items()
        ]
    return found


def count(number: int, noun: str) -> str:
    """`nine stops`, `one curve`, `12 members`."""
    word = _COUNTS[number] if number < len(_COUNTS) else str(number)
    return f"{word} {noun}" + ("" if number == 1 else "s")


def _effect(analysis: Analysis, variant: Variant) -> Effect | None:
    """What the audits saw the stop do; None if there was no audit."""
    update = analysis.section.update
    grades = {
        module: touch.grade
        for (which, module), touch in analysis.touches[variant.label].items()
        if which == update
    }
    if not grades:
        return None
    trained = _TRAINED[update]
    if grades[trained] < 3:
        return Effect.STARVES
    others = [grade for module, grade in grades.items() if module != trained]
    return Effect.LEAKS if max(others) == 3 else Effect.PROTECTS


def _kept(analysis: Analysis, variant: Variant) -> Verdict:
    """Whether the stop did what it promises."""
    seen = _effect(analysis, variant)
    if seen is None:
        return "open"
    return "held" if seen is variant.promise else "broken"


def _moved(analysis: Analysis, variant: Variant) -> str:
    """What the section's update moved."""
    seen = analysis.touches[variant.label]
    if not seen:
        return "not audited"
    update = analysis.section.update
    moved = [m for (which, m), touch in seen.items() if which == update and touch.grade == 3]
    return f"moved {_listed(sorted(moved))}" if moved else "moved nothing"


def _one_curve(analysis: Analysis) -> Iterable[Claim]:
    section = analysis.section
    for curve in section.curves:
        if len(curve.variants) > 1:
            names = _listed([variant.label for variant in curve.variants])
            yield Claim(
                "held",
                f"{count(len(curve.variants), 'stop').capitalize()}, one curve: {names} give "
                f"the same returns, losses and values to the bit (hash {curve.variant.hash}).",
            )
    for curve in section.curves:
        first = section.protected(curve)
        if curve.variant.promise is Effect.PROTECTS and first is not None and first is not curve:
            yield Claim(
                "broken",
                f"{curve.short} should give the curve of {first.short} to the bit, and gives "
                "another. With equal settings and seeds this can be another kind of processor, or "
                "a stop that does not do as it says.",
            )


def _promises(analysis: Analysis) -> Iterable[Claim]:
    for promise in Effect:
        audited = [
            variant
            for variant in analysis.section.variants
            if variant.promise is promise and _kept(analysis, variant) != "open"
        ]
        wrong = [variant for variant in audited if _kept(analysis, variant) == "broken"]
        if audited and not wrong:
            names = _listed([variant.label for variant in audited])
            yield Claim("held", f"Said of {names}: {promise.value}. So it was in every audit.")
        for variant in wrong:
            yield Claim(
                "broken",
                f"Said of {variant.label}: {promise.value}. In the audits its update "
                f"{_moved(analysis, variant)}.",
            )


def _learning_claims(analysis: Analysis) -> Iterable[Claim]:
    """Of what protects; the table has the rest."""
    for score in analysis.scores:
        figure = score.improvement
        if score.curve.variant.promise is Effect.PROTECTS and figure is not None:
            verdict: Verdict = "held" if figure.low > 0.5 else "broken"
            if figure.low <= 0.5 <= figure.high:
                verdict = "open"
            yield Claim(
                verdict,
                f"A stop that protects learns better than the control: {score.curve.short} is "
                f"{_comparison(figure)} it by final score (P(better) {figure}, "
                f"{count(figure.members, 'member')}).",
            )


def _comparison(improvement: Estimate) -> str:
    if improvement.low > 0.5:
        return "better than"
    return "worse than" if improvement.high < 0.5 else "not told apart from"


def _learning(analysis: Analysis, score: Score) -> str:
    said = [
        f"{_comparison(figure)} {other}"
        for other, figure in (
            ("the control", score.improvement),
            ("the protected", score.over_protected),
        )
        if figure is not None
    ]
    if analysis.section.control(score.curve) is score.curve:
        said.insert(0, "the control")
    return ", ".join(said)


def _flattery(score: Score) -> str:
    """What the critic expects beside what is earned, in the last evaluation."""
    if score.value is None or score.discounted is None:
        return "not logged"
    expected, earned = score.value.value[-1], score.discounted.value[-1]
    return f"Q {expected:.4g}, earned {earned:.4g}"


def _listed(names: list[str]) -> str:
    """`a`, `a and b`, `a; b; c and d, e`: with semicolons where a name has a comma."""
    if len(names) < 2:
        return "".join(names)
    separator = "; " if any("," in name for name in names) else ", "
    return f"{separator.join(names[:-1])} and {names[-1]}"
