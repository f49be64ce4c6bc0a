"""Every claim, in the order of the lesson."""

from ddpg.tutorial.claims import cutting, modes, optimizers
from ddpg.tutorial.claims.claim import Claim, Verdict

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "detach-copy", "`detach` returns a copy.",
        Verdict.FALSE, cutting.detach_is_a_copy, "test_detach_shares_memory",
    ),
    Claim(
        "detach-l1", "`detach` leaves `L1.grad` None, and L1 out of the graph.",
        Verdict.TRUE, cutting.detach_leaves_l1_alone, "test_detach_leaves_l1_alone",
    ),
    Claim(
        "detach-memory", "`detach` saves memory.",
        Verdict.PARTLY, cutting.detach_saves_memory, "test_detach_saves_memory_after_the_cut",
    ),
    Claim(
        "numpy", "Converting a tensor that requires grad to NumPy is an error.",
        Verdict.PARTLY, cutting.numpy_is_an_error, "test_numpy_is_an_error_outside_no_grad",
    ),
    Claim(
        "same-graph", "`no_grad` gives the same graph as `detach`.",
        Verdict.PARTLY, cutting.no_grad_gives_the_graph_of_detach,
        "test_no_grad_and_detach_agree_upstream_alone",
    ),
    Claim(
        "no-grad-inside", "`no_grad` sets `requires_grad=False` on everything made inside.",
        Verdict.PARTLY, cutting.no_grad_sets_requires_grad_false,
        "test_no_grad_spares_factories_and_parameters",
    ),
    Claim(
        "no-grad-faster", "`no_grad` is faster than `detach`.",
        Verdict.TRUE, cutting.no_grad_saves_less_than_detach,
        "test_no_grad_saves_nothing_where_detach_does", timed=True,
    ),
    Claim(
        "inference-downstream", "Inference mode tracks nothing downstream either.",
        Verdict.PARTLY, modes.inference_tracks_nothing_downstream,
        "test_downstream_of_inference_mode",
    ),
    Claim(
        "inference-useless", "An inference tensor cannot be used in what autograd records.",
        Verdict.PARTLY, modes.inference_tensors_are_useless_outside,
        "test_uses_of_an_inference_tensor",
    ),
    Claim(
        "inference-faster", "Inference mode is faster than `no_grad`.",
        Verdict.FALSE, modes.inference_saves_no_less_than_no_grad,
        "test_inference_mode_saves_what_no_grad_saves", timed=True,
    ),
    Claim(
        "eval-stops", "`eval()` stops gradients.",
        Verdict.FALSE, modes.eval_stops_gradients, "test_eval_stops_nothing",
    ),
    Claim(
        "eval-else", "`eval()` does nothing else to gradients.",
        Verdict.PARTLY, modes.eval_does_nothing_else, "test_eval_changes_layers_with_a_mode",
    ),
    Claim(
        "live-in-parameters",
        "Gradients live in the parameters after `backward`, and `step` only applies them.",
        Verdict.PARTLY, optimizers.gradients_live_in_parameters,
        "test_gradients_live_in_the_parameters",
    ),
    Claim(
        "tracked-unused", "Under `optimizer` and `manual`, L1 is still tracked, though unused.",
        Verdict.TRUE, optimizers.l1_is_tracked_though_unused,
        "test_low_level_stops_leave_the_graph_whole",
    ),
    Claim(
        "exclude-edit", "Excluding from the optimizer equals editing by hand.",
        Verdict.PARTLY, optimizers.excluding_equals_editing,
        "test_where_excluding_equals_editing",
    ),
    Claim(
        "zero-none", "A zero gradient is no gradient.",
        Verdict.PARTLY, optimizers.zero_is_none, "test_zero_is_not_none",
    ),
    Claim(
        "frozen", "`requires_grad_(False)` keeps an optimizer from moving a parameter.",
        Verdict.PARTLY, optimizers.frozen_is_not_moved, "test_an_old_gradient_moves_the_frozen",
    ),
    Claim(
        "fused-version", "Fused optimizers bump the version counter.",
        Verdict.FALSE, optimizers.fused_bumps_the_version, "test_fused_steps_bump_no_version",
    ),
    Claim(
        "by-hand", "θ ← θ − lr·g by hand equals `optim.SGD` to the bit.",
        Verdict.PARTLY, optimizers.by_hand_equals_sgd, "test_by_hand_against_sgd",
    ),
)  # fmt: skip


def claim(name: str) -> Claim:
    """The claim that is called so."""
    return next(each for each in CLAIMS if each.name == name)
