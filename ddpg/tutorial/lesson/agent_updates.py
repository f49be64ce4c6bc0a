"""Chapters 3 and 4: the critic update and the actor update of DDPG under every stop."""

from ddpg.errors import ConfigError
from ddpg.stops import STOPS
from ddpg.tutorial.agent_update import (
    AgentUpdate,
    UpdateName,
    cell_gradient_text,
    draw_update,
    run_agent_update,
)
from ddpg.tutorial.blocks import Code, GraphFigure, LessonSection, LessonTable, Paragraph

CRITIC_UPDATE = (
    "The target y = r + γ·Q'(s', μ'(s')) enters the critic's loss, so a backward pass continues "
    "into the target critic Q' and through it into the bootstrap actor μ'. This is L1 → L2 again: "
    "the critic is the head, and the two target networks are **upstream** of it. Each stop is the "
    "only barrier here: except under `optimizer`, the critic's optimizer really holds all three "
    "networks."
)
ACTOR_UPDATE = (
    "Here the protected network is **downstream** of the trained one: the actor's only path to its "
    "loss −Q(s, μ(s)) goes through the critic. A stop that cuts the values starves the actor. A "
    "stop that acts on the critic's parameters, on their `.grad` or on the optimizer protects the "
    "critic, and the actor learns."
)
CRITIC_NOTES = {
    "none": "The loss moves its own target: the critic's optimizer holds all three networks.",
    "detach": "The target as a whole is detached, so the loss reaches nothing behind it.",
    "no_grad": "The same graph as under `detach`, but the target networks are never recorded.",
    "inference": "The same graph again. The clone lets the target enter the loss.",
    "optimizer": "Both target networks get a gradient, which is never applied.",
    "manual": "The gradients of both target networks are zero at the step. Adam has no momentum "
    "for them yet, so they do not move.",
    "eval": "Equal to the control, number by number.",
    "freeze": "No parameter of the target networks requires grad, so nothing computed from them "
    "does.",
    "inputs": "The path exists, but `backward` writes only the critic's gradients.",
    "substitute": "The target networks run on detached copies of their parameters.",
}
ACTOR_NOTES = {
    "none": "The critic is trained to overestimate the actor's actions.",
    "detach": "The wrong network is trained: the actor gets no gradient, and the critic moves.",
    "optimizer": "The critic's gradient is computed and stays in `.grad`. Clear it before the "
    "critic's own update.",
    "manual": "The critic's gradient is zero at the step.",
    "eval": "Equal to the control, number by number.",
    "freeze": "The gradient still passes through the critic. Its parameters are not in the graph "
    "(drawn unfilled), and no gradient is computed for them.",
    "inputs": "`backward` writes only the actor's gradients.",
    "substitute": "The critic runs on detached copies of its parameters.",
    "chain_rule": "Two backward passes: the first computes ∇ₐQ at a detached action, the second "
    "continues from the action to the actor. The critic's parameters are in the graph of the "
    "first, but their gradient is not requested.",
}


def sections() -> list[LessonSection]:
    """Return both chapters, each with one section per stop."""
    return [
        LessonSection(
            "3. The critic update of DDPG",
            (Paragraph(CRITIC_UPDATE), Code("y = r + gamma * critic_target(s2, actor_target(s2))")),
            level=1,
        ),
        *_stops("critic_update"),
        LessonSection(
            "4. The actor update of DDPG",
            (Paragraph(ACTOR_UPDATE), Code("loss = -critic(s, actor(s)).mean()")),
            level=1,
        ),
        *_stops("actor_update"),
    ]


def network_table(update: AgentUpdate) -> LessonTable:
    """Return one row per network: graph, gradient, movement, and the audit's verdict."""
    rows = tuple(
        (
            f"`{name}`",
            "yes" if name in update.in_graph else "no",
            cell_gradient_text(cell),
            f"{cell.movement:.4f}" if cell.movement else "no",
            cell.verdict.replace("_", " "),
        )
        for name, cell in update.cells.items()
    )
    return LessonTable(("network", "in the graph", "`.grad`", "moved by", "audit"), rows)


def _stops(name: UpdateName) -> list[LessonSection]:
    control = run_agent_update(name, "none")
    return [_stop(name, stop, control) for stop in STOPS]


def _stop(name: UpdateName, stop: str, control: AgentUpdate) -> LessonSection:
    words = name.replace("_", " ")
    title = f"{words} under {stop}"
    try:
        update = run_agent_update(name, stop)
    except ConfigError as error:
        _, _, reason = str(error).partition(": ")
        return LessonSection(title, (Paragraph(f"Not possible: {reason}."),))
    note = (ACTOR_NOTES if name == "actor_update" else CRITIC_NOTES)[stop]
    figure = GraphFigure(
        f"{name.replace('_', '-')}-{stop}",
        draw_update(control, update),
        f"The {words} under `{stop}`, with one box per network.",
    )
    return LessonSection(title, (Paragraph(note), network_table(update), figure))
