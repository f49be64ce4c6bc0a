"""Each claim's verdict, by running its measurement; and what the measurement has to find."""

import sys
from inspect import getmembers, isfunction

import pytest

from ddpg.tutorial.claims import cutting, table
from ddpg.tutorial.claims.claim import Claim, Verdict, verdict_of
from ddpg.tutorial.claims.registry import CLAIMS, claim


def held(name: str) -> dict[str, bool]:
    """Statement → whether it holds, measured now."""
    return {part.statement: part.holds for part in claim(name).measure()}


def measured(name: str) -> str:
    return " ".join(part.measured for part in claim(name).measure())


@pytest.mark.parametrize("each", CLAIMS, ids=lambda each: each.name)
def test_the_verdict_is_what_the_measurement_says(each: Claim):
    assert verdict_of(each.measure()) is each.verdict


def test_every_claim_names_a_test_of_its_own():
    here = {name for name, _ in getmembers(sys.modules[__name__], isfunction)}
    named = [each.test for each in CLAIMS]
    assert set(named) <= here
    assert len(set(named)) == len(named)


def test_verdicts():
    parts = claim("frozen").measure()
    yes, no = [p for p in parts if p.holds], [p for p in parts if not p.holds]
    assert verdict_of(yes) is Verdict.TRUE
    assert verdict_of(no) is Verdict.FALSE
    assert verdict_of(parts) is Verdict.PARTLY


def test_detach_shares_memory():
    assert not any(held("detach-copy").values())
    assert "the original reads 7" in measured("detach-copy")


def test_detach_leaves_l1_alone():
    assert held("detach-l1") == {"`L1.grad` is None": True, "L1 is not in the graph": True}


def test_detach_saves_memory_after_the_cut():
    after, both, peak = claim("detach-memory").measure()
    # 256 x 17 inputs, 256 x 256 and 17 x 256 weights and activations in float32.
    assert after.holds
    assert after.measured.endswith("after it 0 tensors, 0 bytes")
    assert not both.holds
    assert not peak.holds
    assert cutting.saved_upstream("detach") == cutting.saved_upstream("none")
    assert cutting.saved_upstream("no_grad") == (0, 0)


def test_numpy_is_an_error_outside_no_grad():
    assert list(held("numpy").values()) == [True, True, False]


def test_no_grad_and_detach_agree_upstream_alone():
    assert list(held("same-graph").values()) == [True, False]


def test_no_grad_spares_factories_and_parameters():
    assert held("no-grad-inside") == {
        "the result of an operation": True,
        "a factory": True,
        "a factory with `requires_grad=True`": False,
        "an `nn.Parameter`": False,
        "a view of a parameter": False,
    }
    # The trap of the last one: it says that it requires grad, and no gradient comes through.
    assert measured("no-grad-inside").endswith("`.grad` None")


@pytest.mark.parametrize(("width", "batch"), [(16, 1), (64, 64), (256, 256)])
def test_no_grad_saves_nothing_where_detach_does(width, batch):
    assert cutting.saved_upstream("no_grad", width, batch) == (0, 0)
    saved = cutting.saved_upstream("detach", width, batch)
    # Inputs, the second weight, and the two activations (each counted once) in float32.
    floats = batch * cutting.INPUTS + width * width + 2 * batch * width
    assert saved == (5, 4 * floats)


def test_downstream_of_inference_mode():
    assert list(held("inference-downstream").values()) == [True, False, False, False, False]


def test_uses_of_an_inference_tensor():
    assert list(held("inference-useless").values()) == 5 * [True] + 4 * [False]
    assert measured("inference-useless").count("cannot be saved for backward") == 3


def test_inference_mode_saves_what_no_grad_saves():
    (part,) = claim("inference-faster").measure()
    assert part.measured == "`no_grad` 0 tensors, 0 bytes; `inference_mode` 0 tensors, 0 bytes"


def test_eval_stops_nothing():
    assert not any(held("eval-stops").values())


def test_eval_changes_layers_with_a_mode():
    assert list(held("eval-else").values()) == [True, False, False]


def test_gradients_live_in_the_parameters():
    written, kept, *moves = claim("live-in-parameters").measure()
    assert written.holds
    assert kept.holds
    assert [part.holds for part in moves] == [True] + 6 * [False]
    assert moves[0].statement.startswith("SGD moves")


def test_low_level_stops_leave_the_graph_whole():
    assert held("tracked-unused") == {"`optimizer`": True, "`manual`": True}


def test_where_excluding_equals_editing():
    fresh, warm = "from the first step on", "after 5 free steps"
    equal = {statement for statement, holds in held("exclude-edit").items() if holds}
    assert equal == {
        f"SGD, {fresh}",
        f"SGD with momentum 0.9, {fresh}",
        f"Adam, {fresh}",
        f"RMSprop, {fresh}",
        f"SGD, {warm}",
        f"RMSprop, {warm}",
    }


def test_zero_is_not_none():
    still = {statement for statement, holds in held("zero-none").items() if holds}
    assert still == {"SGD", "RMSprop"}
    assert {"Adam", "SGD with momentum 0.9", "AdamW"} <= held("zero-none").keys()


def test_an_old_gradient_moves_the_frozen():
    assert list(held("frozen").values()) == [True, False, False]


def test_fused_steps_bump_no_version():
    parts = claim("fused-version").measure()
    assert all(part.measured.startswith("+0; not fused +") for part in parts)
    assert not any(part.measured.endswith("+0") for part in parts)


def test_by_hand_against_sgd():
    assert held("by-hand") == {"`p.add_(g, alpha=-lr)`": True, "`p - lr * g`": False}


def test_the_lesson_shows_every_claim():
    shown = table.untimed()
    assert [row[0] for row in shown.rows] == [each.text for each in CLAIMS]
    assert {row[1] for row in shown.rows} == {"true", "false", "partly", "needs timings"}
