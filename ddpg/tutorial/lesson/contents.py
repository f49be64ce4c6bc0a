"""The whole lesson, in order."""

from ddpg.tutorial.blocks import LessonSection
from ddpg.tutorial.lesson import agent_updates, claims_and_exercises, layer_stops, stop_details


def lesson_sections() -> list[LessonSection]:
    """Return the lesson: two layers, details of two stops, two networks, claims, exercises."""
    return [
        *layer_stops.sections(),
        *stop_details.sections(),
        *agent_updates.sections(),
        *claims_and_exercises.sections(),
    ]
