"""Chapter 6: claims about the stops."""

from collections.abc import Iterator

from ddpg.tutorial.blocks import LessonSection, Paragraph
from ddpg.tutorial.claims import document
from ddpg.tutorial.lesson.contents import chapter_title


def sections() -> Iterator[LessonSection]:
    """Yield the chapter."""
    yield LessonSection(
        chapter_title(6),
        (
            Paragraph(
                "Common claims about these stops, each measured while this lesson was built. "
                "Claims about time take minutes to measure: `python scripts/tutorial.py --claims` "
                "measures them too."
            ),
            document.untimed_table(),
        ),
        level=1,
    )
