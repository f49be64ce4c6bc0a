"""What held and what did not, in words, each with the figures behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ddpg.comparison.analysis import Score, touches
from ddpg.comparison.statistics import Estimate
from ddpg.comparison.variants import Curve, Section, Variant
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
    """What one variant did."""

    variant: Variant
    promise: str
    separation: str
    kept: Verdict
    """Whether it did what its stop promises."""
    learning: str


def claims(section: Section, scores: list[Score]) -> list[Claim]:
    """What the section bears out."""
    return [*_one_curve(section), *_promises(section), *_against_control(section, scores)]


def findings(section: Section, scores: list[Score]) -> list[Finding]:
    """One a variant."""
    by_label = {variant.label: score for score in scores for variant in score.curve.variants}
    return [
        Finding(
            variant,
            variant.promise.value,
            separation_words(section, variant),
            kept(section, variant),
            _learning(section, by_label[variant.label]),
        )
        for variant in section.variants
    ]


def effect(section: Section, variant: Variant) -> Effect | None:
    """What the audits saw the stop do; None if there was no audit."""
    seen = touches(variant)
    if not seen:
        return None
    mine = {module: touch for (update, module), touch in seen.items() if update == section.update}
    trained = _TRAINED[section.update]
    if any(touch.grade == 3 for module, touch in mine.items() if module != trained):
        return Effect.STARVES if mine[trained].grade < 3 else Effect.LEAKS
    return Effect.PROTECTS if mine[trained].grade == 3 else Effect.STARVES


def kept(section: Section, variant: Variant) -> Verdict:
    """Whether the stop did what it promises."""
    seen = effect(section, variant)
    if seen is None:
        return "open"
    return "held" if seen is variant.promise else "broken"


def separation_words(section: Section, variant: Variant) -> str:
    """What the section's update moved."""
    seen = touches(variant)
    if not seen:
        return "not audited"
    moved = [m for (u, m), touch in seen.items() if u == section.update and touch.grade == 3]
    return f"moved {' and '.join(sorted(moved))}" if moved else "moved nothing"


def count(number: int, noun: str) -> str:
    """`nine stops`, `one curve`, `12 members`."""
    word = _COUNTS[number] if number < len(_COUNTS) else str(number)
    return f"{word} {noun}" + ("" if number == 1 else "s")


def _one_curve(section: Section) -> Iterable[Claim]:
    for curve in section.curves:
        if len(curve.variants) > 1:
            names = ", ".join(variant.label for variant in curve.variants)
            yield Claim(
                "held",
                f"{count(len(curve.variants), 'variant').capitalize()}, one curve: {names} give "
                f"the same returns, losses and values to the bit ({curve.variant.hash}).",
            )
    protecting = {
        curve.variant.hash
        for curve in section.curves
        for variant in curve.variants
        if variant.promise is Effect.PROTECTS
    }
    if len(protecting) > 1:
        yield Claim(
            "broken",
            f"The variants that protect give {count(len(protecting), 'curve')}, not one; with "
            "the same settings and seeds on one kind of machine they should be equal to the bit.",
        )


def _promises(section: Section) -> Iterable[Claim]:
    for promise in Effect:
        those = [v for v in section.variants if v.promise is promise]
        audited = [v for v in those if kept(section, v) != "open"]
        if not audited:
            continue
        wrong = [v for v in audited if kept(section, v) == "broken"]
        names = ", ".join(v.label for v in audited)
        if not wrong:
            yield Claim("held", f"Said of {names}: {promise.value}. So it was in every audit.")
        for variant in wrong:
            yield Claim(
                "broken",
                f"Said of {variant.label}: {promise.value}. The audits say that its update "
                f"{separation_words(section, variant)}.",
            )


def _against_control(section: Section, scores: list[Score]) -> Iterable[Claim]:
    for score in scores:
        improvement = score.improvement
        if improvement is None:
            continue
        yield Claim(
            "open" if improvement.low <= 0.5 <= improvement.high else "held",
            f"{score.curve.short}: {_comparison(improvement)} the control by final score "
            f"(probability of improvement {improvement}, {count(improvement.members, 'member')}).",
        )


def _comparison(improvement: Estimate) -> str:
    if improvement.low > 0.5:
        return "better than"
    return "worse than" if improvement.high < 0.5 else "not told apart from"


def _learning(section: Section, score: Score) -> str:
    said = f"final score {score.final}"
    if score.improvement is not None:
        said += f", {_comparison(score.improvement)} the control"
    elif section.control(score.curve) is score.curve:
        said += ", the control"
    return said


def flattery(score: Score) -> str:
    """What the critic expects beside what is earned, after the last step."""
    if score.value is None or score.discounted is None:
        return "not logged"
    expected, earned = score.value.value[-1], score.discounted.value[-1]
    return f"Q {expected:.4g}, earned {earned:.4g}"
