"""Chapter 2: uses of an inference tensor, and uses of gradients edited by hand."""

from collections.abc import Iterator

from ddpg.tutorial.blocks import LessonSection, LessonTable, NotebookCode, Paragraph
from ddpg.tutorial.gradient_edits import (
    EditedStep,
    clip_norm,
    compare_with_sgd,
    limit_norm,
    zero_every_other_step,
)
from ddpg.tutorial.inference_uses import inference_uses
from ddpg.tutorial.lesson.contents import chapter_title
from ddpg.tutorial.lesson.execution import Namespace

NORM_LIMIT = 0.3
INFERENCE = """\
L1, L2, x, y = two_layers()
with torch.inference_mode():
    hidden = L1(x)
try:
    L2(hidden)
except RuntimeError as error:
    print(error)
L2(hidden.clone()).sum().backward()  # trains L2"""
EVERY_OTHER_STEP = """\
L1, L2, x, y = two_layers()
optimizer = SGD([*L1.parameters(), *L2.parameters()], lr=0.1)
for step in range(1, 5):
    loss = mse_loss(L2(L1(x)), y)
    optimizer.zero_grad()
    loss.backward()
    if step % 2 == 1:
        for parameter in L1.parameters():
            parameter.grad.zero_()
    optimizer.step()"""
LIMIT = f"""\
L1, L2, x, y = two_layers()
mse_loss(L2(L1(x)), y).backward()
gradients = [parameter.grad for parameter in L1.parameters()]
norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
if norm > {NORM_LIMIT}:
    for gradient in gradients:
        gradient.mul_({NORM_LIMIT} / norm)"""
JOINT_CLIP = f"""\
L1, L2, x, y = two_layers()
optimizer = SGD(L2.parameters(), lr=0.1)  # does not hold L1
mse_loss(L2(L1(x)), y).backward()
torch.nn.utils.clip_grad_norm_([*L1.parameters(), *L2.parameters()], {NORM_LIMIT})
optimizer.step()"""
BY_HAND = """\
L1, L2, x, y = two_layers()
mse_loss(L2(L1(x)), y).backward()
with torch.no_grad():
    for p in L2.parameters():
        p.add_(p.grad, alpha=-0.1)"""


def sections() -> Iterator[LessonSection]:
    """Yield the chapter's introduction, inference tensors, gradients edited by hand."""
    yield LessonSection(
        chapter_title(2),
        (
            Paragraph(
                "Which uses of an inference tensor fail, and what editing gradients by hand can do."
            ),
        ),
        level=1,
    )
    yield _inference()
    yield _manual()


def inference_table() -> LessonTable:
    """Return one row per use of an inference tensor."""
    rows = tuple((f"`{use.code}`", use.outcome) for use in inference_uses())
    return LessonTable(("use", "result"), rows)


def every_other_step_table() -> LessonTable:
    """Return one row per step, L1's gradient being zeroed at every other one."""
    return _steps(zero_every_other_step())


def limit_table() -> LessonTable:
    """Return one row per step, the norm of L1's gradient being limited."""
    return _steps(limit_norm(NORM_LIMIT, steps=6))


def clip_table() -> LessonTable:
    """Return one row per stop and per clip: gradients before the clip, and movements."""
    cases = [(stop, joint) for joint in (True, False) for stop in ("detach", "optimizer")]
    steps = [clip_norm(stop, joint, NORM_LIMIT) for stop, joint in cases]
    rows = tuple(
        (
            f"`{step.stop}`",
            "L1 and L2" if step.is_joint else "L2",
            *(f"{value:.4f}" for value in step[2:]),
        )
        for step in steps
    )
    gradients = ("norm of L1's gradient", "norm of L2's gradient")
    return LessonTable(("stop", "clipped", *gradients, "L1 moved by", "L2 moved by"), rows)


def by_hand_table() -> LessonTable:
    """Return one row per formula of an SGD step, compared with `optim.SGD`."""
    sgd = compare_with_sgd()
    return LessonTable(
        ("by hand", f"elements of {sgd.elements:,} that differ from `optim.SGD`"),
        (
            ("`p.add_(g, alpha=-lr)`", f"{sgd.add_differs:,}"),
            ("`p - lr * g`", f"{sgd.subtraction_differs:,}"),
        ),
    )


def _inference() -> LessonSection:
    return LessonSection(
        "inference: which uses fail, which work, and the clone that fixes them",
        (
            Paragraph(
                "Autograd cannot *save* an inference tensor for a backward pass, and each "
                "operation decides what it saves. So `mse_loss` fails on an inference target, "
                "while the same formula written out works. A clone made outside the mode is a "
                "normal tensor."
            ),
            Namespace().run(INFERENCE),
            NotebookCode("display(views.inference_uses())"),
            inference_table(),
        ),
    )


def _manual() -> LessonSection:
    return LessonSection(
        "manual: every other step, under a condition, and without an optimizer",
        (
            Paragraph(
                "**Zero every other step** (`manual_every=2`: every second update keeps the whole "
                "gradient)."
            ),
            Namespace().run(EVERY_OTHER_STEP),
            NotebookCode("display(views.every_other_step())"),
            every_other_step_table(),
            Paragraph(
                f"**Scale under a condition**: down to the norm {NORM_LIMIT} where the norm is "
                "larger."
            ),
            Namespace().run(LIMIT),
            NotebookCode("display(views.limited_norm())"),
            limit_table(),
            Paragraph(
                f"**Clip one norm over both layers**, to {NORM_LIMIT}. The optimizer holds L2 "
                "alone, so L1 does not move. But L1's gradient is in the norm: the larger it "
                "is, the shorter the step of L2. A correct membership does not keep the two layers "
                "apart. With one norm per layer, L2's step is the same under every stop. The audit "
                "shows the cause, a gradient that was written in L1 although L1 is protected."
            ),
            Namespace().run(JOINT_CLIP),
            NotebookCode("display(views.clipped_norm())"),
            clip_table(),
            Paragraph(
                "**Apply by hand**: one step of θ ← θ − lr·g. `add_` with `alpha` is the operation "
                "that `optim.SGD` uses itself. `p - lr * g` rounds the product before it subtracts."
            ),
            Namespace().run(BY_HAND),
            NotebookCode("display(views.by_hand())"),
            by_hand_table(),
        ),
    )


def _steps(steps: list[EditedStep]) -> LessonTable:
    rows = tuple(
        (str(number), f"{step.before:.4f}", f"{step.after:.4f}", f"{step.movement:.4f}")
        for number, step in enumerate(steps, start=1)
    )
    columns = ("step", "norm of L1's gradient", "after the edit", "L1 moved by (lr 0.1)")
    return LessonTable(columns, rows)
