"""Chapter 5: the audit of your own code."""

from collections.abc import Iterator

from ddpg.tutorial.blocks import LessonSection, Paragraph
from ddpg.tutorial.lesson.contents import chapter_title
from ddpg.tutorial.lesson.execution import Namespace

INTRODUCTION = (
    "The verdicts above come from the audit, which runs on any PyTorch code: name the modules, the "
    "optimizers, and what each update may do. It runs the updates, puts everything back, and "
    "reports every effect that the contract does not allow, with the path through the graph and "
    "the line of code."
)
LEAKY = """\
from ddpg.isolation import Contract, audit, trains

L1, L2, x, y = two_layers()
optimizer = SGD([*L1.parameters(), *L2.parameters()], lr=0.1)


def update():
    loss = mse_loss(L2(L1(x)), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


contract = Contract(
    modules={"L1": L1, "L2": L2},
    optimizers={"optimizer": optimizer},
    updates={"update": trains("L2")},
)
print(audit(contract, update).summary())"""
FIXED = """\
def update():
    with torch.no_grad():
        hidden = L1(x)
    loss = mse_loss(L2(hidden), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


optimizer = SGD(L2.parameters(), lr=0.1)
contract = Contract(
    modules={"L1": L1, "L2": L2},
    optimizers={"optimizer": optimizer},
    updates={"update": trains("L2")},
)
print(audit(contract, update).summary())"""


def sections() -> Iterator[LessonSection]:
    """Yield the chapter."""
    names = Namespace()
    yield LessonSection(
        chapter_title(5),
        (
            Paragraph(INTRODUCTION),
            names.run(LEAKY),
            Paragraph("With a stop, and an optimizer that holds only L2, the contract is kept."),
            names.run(FIXED),
            Paragraph(
                "The fixture `isolation` does the same in a pytest test, and the pages "
                "`docs/audit.md` and `docs/audit_libraries.md` describe contracts for whole agents "
                "and for other libraries."
            ),
        ),
        level=1,
    )
