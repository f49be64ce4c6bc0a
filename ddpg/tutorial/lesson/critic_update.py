"""Chapter 3: the critic update of DDPG under every stop, with both bootstrap actors."""

from collections.abc import Iterator

from ddpg.errors import ConfigError
from ddpg.stops import STOPS
from ddpg.tutorial.agent_update import (
    BOOTSTRAP_ACTORS,
    draw_critic_update,
    effect_text,
    run_agent_update,
)
from ddpg.tutorial.blocks import GraphFigure, LessonSection, LessonTable, NotebookCode, Paragraph
from ddpg.tutorial.lesson.contents import chapter_title
from ddpg.tutorial.lesson.execution import Namespace

INTRODUCTION = (
    "The target y = r + γ·Q'(s', μ'(s')) enters the critic's loss, so a backward pass continues "
    "into the target critic Q' and through it into the bootstrap actor μ', which chooses the "
    "action of the next state. This is L1 → L2 again: the critic is the head, and both networks "
    "behind y are **upstream** of it. Each stop is the only barrier here: except under "
    "`optimizer`, the critic's optimizer really holds all three networks."
)
BOOTSTRAPS = (
    "Which actor is behind y depends on `bootstrap_actor`. With `target`, the paper's choice, it "
    "is the target actor, and the critic's loss never reaches the actor that acts, under `none` "
    "either. With `live` it is the actor itself, and without a stop the critic's loss changes the "
    "policy. The code runs both without a stop and prints the networks that get a gradient; the "
    "tables and graphs below show both side by side."
)
AGENT = """\
from ddpg import DDPG, Batch, Config

generators = [torch.Generator().manual_seed(0)]
agent = DDPG(Config(hidden=(16, 16)), 3, 1, generators, torch.device("cpu"))
batch = Batch.random(1, 8, 3, 1, generators[0])


def networks_with_gradient():
    return [
        name
        for name, network in agent.modules.items()
        if any(p.grad is not None for p in network.parameters())
    ]"""
UPDATE = """\
for bootstrap_actor in (agent.actor_target, agent.actor):  # target, live
    next_action = bootstrap_actor(batch.next_observation)
    next_value = agent.critic_target(batch.next_observation, next_action)
    y = batch.reward + 0.99 * (1 - batch.terminated) * next_value
    loss = mse_loss(agent.critic(batch.observation, batch.action), y)
    loss.backward()
    print(networks_with_gradient())
    for network in agent.modules.values():
        network.zero_grad()"""
NOTES = {
    "none": "The loss moves its own target: the critic's optimizer holds the critic, the target "
    "critic and the bootstrap actor.",
    "detach": "The target as a whole is detached, so the loss reaches nothing behind it.",
    "no_grad": "The same graph as under `detach`, but the networks behind y are never recorded.",
    "inference": "The same graph again. The clone lets the target enter the loss.",
    "optimizer": "The target critic and the bootstrap actor get a gradient, which is never "
    "applied. With `live` it stays in the actor's `.grad`. Clear it before the actor's own update.",
    "manual": "The gradients of the target critic and of the bootstrap actor are zero at the step. "
    "Adam has no momentum for them yet, so they do not move.",
    "eval": "Equal to the control, number by number.",
    "freeze": "No parameter behind y requires grad while y is computed, so y does not either.",
    "inputs": "The path exists, but `backward` writes only the critic's gradients.",
    "substitute": "The networks behind y run on detached copies of their parameters.",
}


def sections() -> Iterator[LessonSection]:
    """Yield the introduction, and one section per stop."""
    names = Namespace()
    agent, update = (names.run(source) for source in (AGENT, UPDATE))
    blocks = (Paragraph(INTRODUCTION), Paragraph(BOOTSTRAPS), agent, update)
    yield LessonSection(chapter_title(3), blocks, level=1)
    for stop in STOPS:
        yield _stop(stop)


def bootstraps_table(stop: str) -> LessonTable:
    """Return one row per network, with one column per bootstrap actor."""
    cells = [run_agent_update("critic_update", stop, each).cells for each in BOOTSTRAP_ACTORS]
    rows = tuple(
        (f"`{name}`", *(f"{each[name].verdict}: {effect_text(each[name])}" for each in cells))
        for name in cells[0]
    )
    columns = ("network", *(f"`bootstrap_actor: {each}`" for each in BOOTSTRAP_ACTORS))
    return LessonTable(columns, rows)


def _stop(stop: str) -> LessonSection:
    title = f"critic update under {stop}"
    try:
        table = bootstraps_table(stop)
    except ConfigError as error:
        _, _, reason = str(error).partition(": ")
        return LessonSection(title, (Paragraph(f"Not possible: {reason}."),))
    figure = GraphFigure(
        f"critic-update-{stop}",
        draw_critic_update(stop),
        f"The critic update under `{stop}`, with one box per network.",
    )
    view = NotebookCode(f'display(*views.critic_update("{stop}"))')
    return LessonSection(title, (Paragraph(NOTES[stop]), view, table, figure))
