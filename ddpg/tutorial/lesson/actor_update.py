"""Chapter 4: the actor update of DDPG under every stop."""

from collections.abc import Iterator

from ddpg.errors import ConfigError
from ddpg.stops import STOPS
from ddpg.tutorial.agent_update import draw_actor_update, effect_text, run_agent_update
from ddpg.tutorial.blocks import GraphFigure, LessonSection, LessonTable, NotebookCode, Paragraph
from ddpg.tutorial.lesson.contents import chapter_title
from ddpg.tutorial.lesson.critic_update import AGENT
from ddpg.tutorial.lesson.execution import Namespace

INTRODUCTION = (
    "Here the protected network is **downstream** of the trained one: the actor's only path to its "
    "loss −Q(s, μ(s)) goes through the critic. A stop that cuts the values starves the actor. A "
    "stop that acts on the critic's parameters, on their `.grad` or on the optimizer protects the "
    "critic, and the actor learns. The bootstrap actor has no part in this update."
)
UPDATE = """\
action = agent.actor(batch.observation)
loss = -agent.critic(batch.observation, action).mean()
loss.backward()
print(networks_with_gradient())"""
NOTES = {
    "none": "The critic is trained to overestimate the actor's actions.",
    "detach": "The wrong network is trained: the actor gets no gradient, and the critic moves.",
    "optimizer": "The critic's gradient is computed and stays in `.grad`. Clear it before the "
    "critic's own update.",
    "manual": "The critic's gradient is zero at the step.",
    "eval": "Equal to the control, number by number.",
    "freeze": "The gradient still passes through the critic. Its parameters are not in the graph "
    "(drawn white), and no gradient is computed for them.",
    "inputs": "`backward` writes only the actor's gradients.",
    "substitute": "The critic runs on detached copies of its parameters.",
    "chain_rule": "Two backward passes: the first computes ∇ₐQ at a detached action, the second "
    "continues from the action to the actor. The critic's parameters are in the graph of the "
    "first, but their gradient is not requested.",
}


def sections() -> Iterator[LessonSection]:
    """Yield the introduction, and one section per stop."""
    names = Namespace()
    agent, update = (names.run(source) for source in (AGENT, UPDATE))
    yield LessonSection(chapter_title(4), (Paragraph(INTRODUCTION), agent, update), level=1)
    for stop in STOPS:
        yield _stop(stop)


def networks_table(stop: str) -> LessonTable:
    """Return one row per network: the audit's verdict with the grade."""
    cells = run_agent_update("actor_update", stop).cells
    rows = tuple(
        (f"`{name}`", f"{cell.verdict}: {effect_text(cell)}") for name, cell in cells.items()
    )
    return LessonTable(("network", "actor update"), rows)


def _stop(stop: str) -> LessonSection:
    title = f"actor update under {stop}"
    try:
        table = networks_table(stop)
    except ConfigError as error:
        _, _, reason = str(error).partition(": ")
        return LessonSection(title, (Paragraph(f"Not possible: {reason}."),))
    figure = GraphFigure(
        f"actor-update-{stop}",
        draw_actor_update(stop),
        f"The actor update under `{stop}`, with one box per network.",
    )
    view = NotebookCode(f'display(*views.actor_update("{stop}"))')
    return LessonSection(title, (Paragraph(NOTES[stop]), view, table, figure))
