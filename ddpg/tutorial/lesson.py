"""The whole lesson, in order."""

from ddpg.tutorial import lesson_agent, lesson_claims, lesson_layers, lesson_uses
from ddpg.tutorial.blocks import Section


def sections() -> list[Section]:
    """Two layers, a closer look, two networks, claims, exercises."""
    return [
        *lesson_layers.part(),
        *lesson_uses.part(),
        *lesson_agent.part(),
        *lesson_claims.part(),
    ]
