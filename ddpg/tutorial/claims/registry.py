"""Every claim, in the order of the lesson."""

from ddpg.tutorial.claims import detach_and_no_grad, inference_and_eval, optimizers
from ddpg.tutorial.claims.claim import ClaimVerdict, StopClaim

CLAIMS: tuple[StopClaim, ...] = (
    StopClaim(
        "detach-copy", "`detach` returns a copy.",
        ClaimVerdict.FALSE, detach_and_no_grad.detach_is_a_copy, "test_detach_shares_memory",
    ),
    StopClaim(
        "detach-l1", "`detach` leaves `L1.grad` None, and L1 out of the graph.",
        ClaimVerdict.TRUE, detach_and_no_grad.detach_leaves_l1_alone, "test_detach_leaves_l1_alone",
    ),
    StopClaim(
        "detach-memory", "`detach` saves memory.",
        ClaimVerdict.PARTLY, detach_and_no_grad.detach_saves_memory,
        "test_detach_saves_memory_after_the_cut",
    ),
    StopClaim(
        "numpy", "Converting a tensor that requires grad to NumPy is an error.",
        ClaimVerdict.PARTLY, detach_and_no_grad.numpy_is_an_error,
        "test_numpy_is_an_error_outside_no_grad",
    ),
    StopClaim(
        "same-graph", "`no_grad` gives the same graph as `detach`.",
        ClaimVerdict.PARTLY, detach_and_no_grad.no_grad_gives_the_graph_of_detach,
        "test_no_grad_and_detach_agree_upstream_alone",
    ),
    StopClaim(
        "no-grad-inside", "`no_grad` sets `requires_grad=False` on every tensor created under it.",
        ClaimVerdict.PARTLY, detach_and_no_grad.no_grad_sets_requires_grad_false,
        "test_no_grad_spares_factories_and_parameters",
    ),
    StopClaim(
        "no-grad-faster", "`no_grad` is faster than `detach`.",
        ClaimVerdict.TRUE, detach_and_no_grad.no_grad_saves_less_than_detach,
        "test_no_grad_saves_nothing_where_detach_does", timed=True,
    ),
    StopClaim(
        "inference-downstream", "Under inference mode nothing is tracked downstream either.",
        ClaimVerdict.PARTLY, inference_and_eval.inference_tracks_nothing_downstream,
        "test_downstream_of_inference_mode",
    ),
    StopClaim(
        "inference-useless",
        "An inference tensor cannot be used in an operation that autograd records.",
        ClaimVerdict.PARTLY, inference_and_eval.inference_tensors_are_useless_outside,
        "test_uses_of_an_inference_tensor",
    ),
    StopClaim(
        "inference-faster", "Inference mode is faster than `no_grad`.",
        ClaimVerdict.FALSE, inference_and_eval.inference_saves_no_less_than_no_grad,
        "test_inference_mode_saves_what_no_grad_saves", timed=True,
    ),
    StopClaim(
        "eval-stops", "`eval()` stops gradients.",
        ClaimVerdict.FALSE, inference_and_eval.eval_stops_gradients, "test_eval_stops_nothing",
    ),
    StopClaim(
        "eval-else", "`eval()` does nothing else to gradients.",
        ClaimVerdict.PARTLY, inference_and_eval.eval_does_nothing_else,
        "test_eval_changes_layers_with_a_mode",
    ),
    StopClaim(
        "live-in-parameters",
        "After `backward` the gradients are in the parameters, and `step` only applies them.",
        ClaimVerdict.PARTLY, optimizers.gradients_live_in_parameters,
        "test_gradients_live_in_the_parameters",
    ),
    StopClaim(
        "tracked-unused",
        "Under `optimizer` and `manual`, L1 is still tracked although its gradient is not used.",
        ClaimVerdict.TRUE, optimizers.l1_is_tracked_though_unused,
        "test_low_level_stops_leave_the_graph_whole",
    ),
    StopClaim(
        "exclude-edit",
        "Leaving a layer out of the optimizer has the same effect as zeroing its gradients.",
        ClaimVerdict.PARTLY, optimizers.excluding_equals_editing,
        "test_where_excluding_equals_editing",
    ),
    StopClaim(
        "zero-none", "A zero gradient has the same effect as None.",
        ClaimVerdict.PARTLY, optimizers.zero_is_none, "test_zero_is_not_none",
    ),
    StopClaim(
        "frozen", "`requires_grad_(False)` keeps an optimizer from moving a parameter.",
        ClaimVerdict.PARTLY, optimizers.frozen_is_not_moved,
        "test_an_old_gradient_moves_the_frozen",
    ),
    StopClaim(
        "fused-version", "Fused optimizers increment the version counter.",
        ClaimVerdict.FALSE, optimizers.fused_increments_the_version,
        "test_fused_steps_leave_the_version",
    ),
    StopClaim(
        "by-hand", "θ ← θ − lr·g by hand is bit-identical to `optim.SGD`.",
        ClaimVerdict.PARTLY, optimizers.by_hand_equals_sgd, "test_by_hand_against_sgd",
    ),
)  # fmt: skip


def claim(name: str) -> StopClaim:
    """Return the claim with this name."""
    return next(each for each in CLAIMS if each.name == name)
