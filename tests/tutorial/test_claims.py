"""Each claim's verdict and the details of its measurement."""

import sys
from inspect import getmembers, isfunction

import pytest

from ddpg.tutorial.claims import detach_and_no_grad, document
from ddpg.tutorial.claims.claim import ClaimVerdict, StopClaim, verdict_of
from ddpg.tutorial.claims.registry import CLAIMS, claim


def holds(name: str) -> dict[str, bool]:
    """Measure a claim: text of each statement -> whether it holds."""
    return {statement.text: statement.holds for statement in claim(name).measure()}


def measured(name: str) -> str:
    return " ".join(statement.measured for statement in claim(name).measure())


@pytest.mark.parametrize("each", CLAIMS, ids=lambda each: each.name)
def test_the_measurement_confirms_the_verdict(each: StopClaim):
    assert verdict_of(each.measure()) is each.verdict


def test_every_claim_names_its_own_test():
    tests = {name for name, _ in getmembers(sys.modules[__name__], isfunction)}
    named = [each.test for each in CLAIMS]
    assert set(named) <= tests
    assert len(set(named)) == len(named)


def test_verdicts():
    statements = claim("frozen").measure()
    true, false = ([s for s in statements if s.holds is holds] for holds in (True, False))
    assert verdict_of(true) is ClaimVerdict.TRUE
    assert verdict_of(false) is ClaimVerdict.FALSE
    assert verdict_of(statements) is ClaimVerdict.PARTLY


def test_detach_shares_memory():
    assert not any(holds("detach-copy").values())
    assert "the original reads 7" in measured("detach-copy")


def test_detach_leaves_l1_alone():
    assert holds("detach-l1") == {"`L1.grad` is None": True, "L1 is not in the graph": True}


def test_detach_saves_memory_after_the_cut():
    after, both, peak = claim("detach-memory").measure()
    assert after.holds
    # 256 x 17 inputs, 256 x 256 and 17 x 256 weights and activations in float32.
    assert after.measured == "before 5 tensors, 803,840 bytes, after 0 tensors, 0 bytes"
    assert not both.holds
    assert not peak.holds
    assert detach_and_no_grad.saved_upstream("detach") == detach_and_no_grad.saved_upstream("none")
    assert detach_and_no_grad.saved_upstream("no_grad") == (0, 0)


def test_numpy_is_an_error_outside_no_grad():
    assert list(holds("numpy").values()) == [True, True, False]


def test_no_grad_and_detach_agree_upstream_alone():
    assert list(holds("same-graph").values()) == [True, False]


def test_no_grad_spares_factories_and_parameters():
    assert holds("no-grad-inside") == {
        "the result of an operation": True,
        "a factory": True,
        "a factory with `requires_grad=True`": False,
        "an `nn.Parameter`": False,
        "a view of a parameter": False,
    }
    # The view requires grad, yet no gradient passes through it.
    assert measured("no-grad-inside").endswith("`.grad` None")


@pytest.mark.parametrize(("width", "batch"), [(16, 1), (64, 64), (256, 256)])
def test_no_grad_saves_nothing_where_detach_does(width, batch):
    assert detach_and_no_grad.saved_upstream("no_grad", width, batch) == (0, 0)
    saved = detach_and_no_grad.saved_upstream("detach", width, batch)
    # Inputs, the second weight, and the two activations (each counted once) in float32.
    floats = batch * detach_and_no_grad.INPUTS + width * width + 2 * batch * width
    assert saved == (5, 4 * floats)


def test_downstream_of_inference_mode():
    assert list(holds("inference-downstream").values()) == [True, False, False, False, False]


def test_uses_of_an_inference_tensor():
    assert list(holds("inference-useless").values()) == 5 * [True] + 4 * [False]
    assert measured("inference-useless").count("cannot be saved for backward") == 3


def test_inference_mode_saves_what_no_grad_saves():
    (statement,) = claim("inference-faster").measure()
    assert statement.measured == "`no_grad` 0 tensors, 0 bytes; `inference_mode` 0 tensors, 0 bytes"


def test_eval_stops_nothing():
    assert not any(holds("eval-stops").values())


def test_eval_changes_layers_with_a_mode():
    assert list(holds("eval-else").values()) == [True, False, False]


def test_gradients_live_in_the_parameters():
    written, unchanged, *moves = claim("live-in-parameters").measure()
    assert written.holds
    assert unchanged.holds
    assert [statement.holds for statement in moves] == [True] + 6 * [False]
    assert moves[0].text.startswith("SGD moves")


def test_low_level_stops_leave_the_graph_whole():
    assert holds("tracked-unused") == {"`optimizer`": True, "`manual`": True}


def test_where_excluding_equals_editing():
    fresh, warm = "from the first step on", "after 5 free steps"
    equal = {text for text, same in holds("exclude-edit").items() if same}
    assert equal == {
        f"SGD, {fresh}",
        f"SGD with momentum 0.9, {fresh}",
        f"Adam, {fresh}",
        f"RMSprop, {fresh}",
        f"SGD, {warm}",
        f"RMSprop, {warm}",
    }


def test_zero_is_not_none():
    unmoved = {text for text, same in holds("zero-none").items() if same}
    assert unmoved == {"SGD", "RMSprop"}
    assert {"Adam", "SGD with momentum 0.9", "AdamW"} <= holds("zero-none").keys()


def test_an_old_gradient_moves_the_frozen():
    assert list(holds("frozen").values()) == [True, False, False]


def test_fused_steps_leave_the_version():
    statements = claim("fused-version").measure()
    assert all(statement.measured.startswith("+0; not fused +") for statement in statements)
    assert not any(statement.measured.endswith("+0") for statement in statements)


def test_by_hand_against_sgd():
    assert holds("by-hand") == {"`p.add_(g, alpha=-lr)`": True, "`p - lr * g`": False}


def test_the_lesson_shows_every_claim():
    table = document.untimed_table()
    assert [row[0] for row in table.rows] == [each.text for each in CLAIMS]
    assert {row[1] for row in table.rows} == {"true", "false", "partly", "needs timings"}
