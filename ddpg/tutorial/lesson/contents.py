"""The chapters of the lesson, in order. Importing this file imports no PyTorch."""

from collections.abc import Iterable, Iterator
from importlib import import_module

from ddpg.tutorial.blocks import LessonSection

TITLE = "Where does the gradient go?"
CHAPTERS: dict[int, tuple[str, str]] = {
    1: ("layer_stops", "The smallest crossing: L1 → L2"),
    2: ("stop_details", "A closer look at two stops"),
    3: ("critic_update", "The critic update of DDPG"),
    4: ("actor_update", "The actor update of DDPG"),
    5: ("own_code", "The audit of your own code"),
    6: ("claims", "Claims, checked by running"),
    7: ("exercises", "Exercises"),
}
"""Number of a chapter -> its module in this folder, and its title."""


def chapter_title(number: int) -> str:
    """Return the title of a chapter with its number."""
    return f"{number}. {CHAPTERS[number][1]}"


def lesson_sections(chapters: Iterable[int] = CHAPTERS) -> Iterator[LessonSection]:
    """Yield the sections of these chapters, each measured when it is asked for."""
    for chapter in chapters:
        module, _ = CHAPTERS[chapter]
        yield from import_module(f"ddpg.tutorial.lesson.{module}").sections()
