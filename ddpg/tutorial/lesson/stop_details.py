"""Chapter 2: uses of an inference tensor, and uses of gradients edited by hand."""

from ddpg.tutorial.blocks import Code, LessonSection, LessonTable, Paragraph
from ddpg.tutorial.gradient_edits import (
    EditedStep,
    compare_with_sgd,
    limit_norm,
    zero_every_other_step,
)
from ddpg.tutorial.inference_uses import inference_uses

NORM_LIMIT = 0.3


def sections() -> list[LessonSection]:
    """Return the chapter's introduction, inference tensors, gradients edited by hand."""
    return [
        LessonSection(
            "2. A closer look at two stops",
            (
                Paragraph(
                    "Which uses of an inference tensor fail, and what editing gradients by hand "
                    "can do."
                ),
            ),
            level=1,
        ),
        _inference(),
        _manual(),
    ]


def _inference() -> LessonSection:
    rows = tuple((f"`{use.code}`", use.outcome) for use in inference_uses())
    return LessonSection(
        "inference: which uses fail, which work, and the clone that fixes them",
        (
            Paragraph(
                "Autograd cannot *save* an inference tensor for a backward pass, and each "
                "operation decides what it saves. So `mse_loss` fails on an inference target, "
                "while the same formula written out works. A clone made outside the mode is a "
                "normal tensor."
            ),
            Code(
                "with torch.inference_mode():\n    hidden = L1(x)\n    target = y + 0\n"
                "L2(hidden)          # RuntimeError\nL2(hidden.clone())  # trains L2"
            ),
            LessonTable(("use", "result"), rows),
        ),
    )


def _manual() -> LessonSection:
    sgd = compare_with_sgd()
    return LessonSection(
        "manual: every other step, under a condition, and without an optimizer",
        (
            Paragraph(
                "**Zero every other step** (`manual_every=2`: every second update keeps the whole "
                "gradient)."
            ),
            _steps(zero_every_other_step()),
            Paragraph(
                f"**Scale under a condition**: down to the norm {NORM_LIMIT} where the norm is "
                "larger."
            ),
            Code(
                "norm = torch.linalg.vector_norm(gradient)\nif norm > 0.3:\n"
                "    gradient.mul_(0.3 / norm)"
            ),
            _steps(limit_norm(NORM_LIMIT, steps=6)),
            Paragraph(
                f"**Apply by hand**: one step of θ ← θ − lr·g on {sgd.elements:,} random elements, "
                "compared with `optim.SGD`. `add_` with `alpha` is the operation that SGD uses "
                "itself. `p - lr * g` rounds the product before it subtracts."
            ),
            Code("with torch.no_grad():\n    p.add_(p.grad, alpha=-lr)"),
            LessonTable(
                ("by hand", "elements that differ from `optim.SGD`"),
                (
                    ("`p.add_(g, alpha=-lr)`", f"{sgd.add_differs:,}"),
                    ("`p - lr * g`", f"{sgd.subtraction_differs:,}"),
                ),
            ),
        ),
    )


def _steps(steps: list[EditedStep]) -> LessonTable:
    rows = tuple(
        (str(number), f"{step.before:.4f}", f"{step.after:.4f}", f"{step.movement:.4f}")
        for number, step in enumerate(steps, start=1)
    )
    columns = ("step", "norm of L1's gradient", "after the edit", "L1 moved by (lr 0.1)")
    return LessonTable(columns, rows)
