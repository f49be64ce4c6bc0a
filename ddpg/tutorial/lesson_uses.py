"""Between the two parts: what inference tensors allow, and what editing by hand is for."""

from ddpg.tutorial.blocks import Code, Section, Table, Words
from ddpg.tutorial.by_hand import Edited, applied_by_hand, every_other_step, scaled_above
from ddpg.tutorial.inference_uses import uses

LIMIT = 0.3


def part() -> list[Section]:
    """Inference tensors, then gradients by hand."""
    return [
        Section(
            "2. A closer look at two stops",
            (Words("Which uses of an inference tensor fail, and what an edit by hand can do."),),
            level=1,
        ),
        _inference(),
        _manual(),
    ]


def _inference() -> Section:
    rows = tuple((f"`{use.code}`", use.outcome) for use in uses())
    return Section(
        "inference: which uses fail, which pass, what mends them",
        (
            Words(
                "An inference tensor may not be *saved* for a backward pass. Whether an operation "
                "saves it is up to the operation, so one loss fails and its formula written out "
                "passes. The clone, made outside the mode, is a normal tensor."
            ),
            Code(
                "with torch.inference_mode():\n    hidden = L1(x)\n    target = y + 0\n"
                "L2(hidden)          # RuntimeError\nL2(hidden.clone())  # trains L2"
            ),
            Table(("outside the mode", "what happens"), rows),
        ),
    )


def _manual() -> Section:
    applied = applied_by_hand()
    return Section(
        "manual: every other step, under a condition, and without an optimizer",
        (
            Words("**Zero every other step** (`manual_every=2`: every second update is whole)."),
            _steps(every_other_step()),
            Words(f"**Scale under a condition**: down to {LIMIT} where the norm is above it."),
            Code(
                "norm = torch.linalg.vector_norm(gradient)\nif norm > 0.3:\n"
                "    gradient.mul_(0.3 / norm)"
            ),
            _steps(scaled_above(LIMIT, steps=6)),
            Words(
                f"**Apply by hand**: θ ← θ − lr·g, one step on {applied.elements:,} random "
                "elements against `optim.SGD`. `add_` with `alpha` is the operation that SGD runs "
                "itself; `p - lr * g` rounds the product before it subtracts."
            ),
            Code("with torch.no_grad():\n    p.add_(p.grad, alpha=-lr)"),
            Table(
                ("by hand", "elements that differ from `optim.SGD`"),
                (
                    ("`p.add_(g, alpha=-lr)`", f"{applied.add_differs:,}"),
                    ("`p - lr * g`", f"{applied.subtraction_differs:,}"),
                ),
            ),
        ),
    )


def _steps(steps: list[Edited]) -> Table:
    rows = tuple(
        (str(number), f"{step.before:.4f}", f"{step.after:.4f}", f"{step.moved:.4f}")
        for number, step in enumerate(steps, start=1)
    )
    return Table(("step", "norm of L1's gradient", "after the edit", "L1 moved by (lr 0.1)"), rows)
