"""The second part of the lesson: two related networks, the critic and the actor of DDPG."""

from ddpg.errors import ConfigError
from ddpg.stops import STOPS
from ddpg.tutorial.agent_seen import AgentSeen, Row, drawing, gradient_text, see
from ddpg.tutorial.blocks import Code, Figure, Section, Table, Words

CRITIC = (
    "The target y = r + γ·Q'(s', μ'(s')) enters the critic's loss, so a backward pass runs on "
    "into the target critic and through it into the bootstrap actor. It is L1 → L2 again: the "
    "critic is the head, the two target networks stand upstream. Under a stop alone the critic's "
    "optimizer really holds all three."
)
ACTOR = (
    "Here the protected network stands **downstream**: the actor's only way to its loss "
    "−Q(s, μ(s)) leads through the critic. Cut the values and the actor starves; leave the critic "
    "alone at its parameters, its `.grad` or its optimizer, and the actor learns."
)
CRITIC_NOTES = {
    "none": "The loss moves its own target: all three networks are in the critic's optimizer.",
    "detach": "The target is cut off as a whole: behind it nothing is reached.",
    "no_grad": "The same graph, without the detour of recording it first.",
    "inference": "The same graph again. The clone is what lets the target enter the loss.",
    "optimizer": "Both targets get a gradient that nobody asked for, and nobody applies.",
    "manual": "Their gradients are zeros when the step comes. Adam has no momentum for them yet.",
    "eval": "The control, number by number.",
    "freeze": "No parameter of the targets requires grad, and nothing else in them does.",
    "inputs": "The path is there, and the backward pass was not asked to write along it.",
    "substitute": "The targets run on detached copies of their parameters.",
}
ACTOR_NOTES = {
    "none": "The critic is taught to flatter the actor.",
    "detach": "The wrong network: the actor gets nothing, and the critic is trained in its place.",
    "optimizer": "The critic's gradient is computed and left lying; clear it before its update.",
    "manual": "The critic's gradient is a zero when the step comes.",
    "eval": "The control, number by number.",
    "freeze": "The values still go through the critic, its parameters are not in the graph "
    "(drawn unfilled), and nothing is computed for them.",
    "inputs": "Only the actor's leaves accumulate.",
    "substitute": "The critic runs on detached copies of its parameters.",
    "chain_rule": "Two backward passes: ∇ₐQ at a detached action, then the action takes it on to "
    "the actor. The critic's parameters are in the first one's graph, and nobody asks for their "
    "gradient.",
}


def part() -> list[Section]:
    """A section a stop, for both updates."""
    return [
        Section(
            "3. The critic update of DDPG",
            (Words(CRITIC), Code("y = r + gamma * critic_target(s2, actor_target(s2))")),
            level=1,
        ),
        *_update("critic_update"),
        Section(
            "4. The actor update of DDPG",
            (Words(ACTOR), Code("loss = -critic(s, actor(s)).mean()")),
            level=1,
        ),
        *_update("actor_update"),
    ]


def network_table(seen: AgentSeen) -> Table:
    """A row a network: graph, gradient, movement, and the audit's verdict."""
    rows = tuple(
        (
            f"`{name}`",
            "yes" if name in seen.in_graph else "no",
            gradient_text(cell),
            f"{cell.movement:.4f}" if cell.movement else "no",
            cell.verdict.replace("_", " "),
        )
        for name, cell in seen.cells.items()
    )
    return Table(("network", "in the graph", "`.grad`", "moved by", "audit"), rows)


def _update(row: Row) -> list[Section]:
    control = see(row, "none")
    return [_stop(row, name, control) for name in STOPS]


def _stop(row: Row, name: str, control: AgentSeen) -> Section:
    title = f"{row.replace('_', ' ')} under {name}"
    try:
        seen = see(row, name)
    except ConfigError as error:
        _, _, reason = str(error).partition(": ")
        return Section(title, (Words(f"Not possible: {reason}."),))
    note = (ACTOR_NOTES if row == "actor_update" else CRITIC_NOTES)[name]
    figure = Figure(
        f"{row.replace('_', '-')}-{name}",
        drawing(control, seen),
        f"The {row.replace('_', ' ')} under `{name}`, folded to networks.",
    )
    return Section(title, (Words(note), network_table(seen), figure))
