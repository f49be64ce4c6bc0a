"""Chapter 7: exercises."""

from collections.abc import Iterator

from ddpg.tutorial.blocks import Command, LessonSection, LessonTable, Paragraph
from ddpg.tutorial.exercises.registry import EXERCISES
from ddpg.tutorial.lesson.contents import chapter_title


def sections() -> Iterator[LessonSection]:
    """Yield the chapter."""
    yield LessonSection(
        chapter_title(7),
        (
            Paragraph(
                "Five short files, each with one silent gradient bug from a public report. Find "
                "the bug, fix it, and check the fix with the audit."
            ),
            LessonTable(
                ("exercise", "title"),
                tuple((str(each.number), each.title) for each in EXERCISES.values()),
            ),
            Command("python scripts/tutorial.py --exercise 1"),
        ),
        level=1,
    )
