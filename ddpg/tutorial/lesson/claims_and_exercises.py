"""Chapters 5 and 6: claims about the stops, and exercises."""

from ddpg.tutorial.blocks import Code, LessonSection, LessonTable, Paragraph
from ddpg.tutorial.claims import document
from ddpg.tutorial.exercises.registry import EXERCISES


def sections() -> list[LessonSection]:
    """Return the chapter on claims and the chapter of exercises."""
    return [
        LessonSection(
            "5. Claims, checked by running",
            (
                Paragraph(
                    "Common claims about these stops, each measured while this lesson was built. "
                    "Claims about time take minutes to measure: `python scripts/tutorial.py "
                    "--claims` measures them too."
                ),
                document.untimed_table(),
            ),
            level=1,
        ),
        LessonSection(
            "6. Exercises",
            (
                Paragraph(
                    "Five short files, each with one silent gradient bug from a public report. "
                    "Find the bug, fix it, and check the fix with the audit."
                ),
                LessonTable(
                    ("exercise", "title"),
                    tuple((str(each.number), each.title) for each in EXERCISES.values()),
                ),
                Code("python scripts/tutorial.py --exercise 1"),
            ),
            level=1,
        ),
    ]
