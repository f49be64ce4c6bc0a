"""The end of the lesson: what is said of all this, and exercises."""

from ddpg.tutorial.blocks import Code, Section, Table, Words
from ddpg.tutorial.claims import table
from ddpg.tutorial.exercises.registry import EXERCISES


def part() -> list[Section]:
    """Claims, then exercises."""
    return [
        Section(
            "5. Claims, checked by running",
            (
                Words(
                    "What is said of these stops, each measured while this lesson was made. "
                    "Claims about time take minutes: `python scripts/tutorial.py --claims` "
                    "measures those too."
                ),
                table.untimed(),
            ),
            level=1,
        ),
        Section(
            "6. Exercises",
            (
                Words(
                    "Five short files, each with one silent gradient bug, taken from a real "
                    "report. Find it, mend it, and let the audit check it."
                ),
                Table(
                    ("exercise", "what it is about"),
                    tuple((str(each.number), each.title) for each in EXERCISES.values()),
                ),
                Code("python scripts/tutorial.py --exercise 1"),
            ),
            level=1,
        ),
    ]
