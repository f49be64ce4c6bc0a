"""README, docs, docstrings, comments and messages keep the mechanical style rules."""

from collections import Counter

import pytest

from tests.prose import OPENING, ROOT, RULES, documents, violations

ALLOWED: Counter[tuple[str, str]] = Counter()
"""(file, phrase) that may stay; it may only shrink."""


def test_every_document_is_read():
    files = {file.relative_to(ROOT).as_posix() for file in documents()}
    assert {"README.md", "docs/audit.md", "ddpg/agent.py", "tests/test_agent.py"} <= files
    assert len(files) > 300


def test_the_documents_keep_the_style():
    found = Counter((each.file, each.phrase) for file in documents() for each in violations(file))
    assert found == ALLOWED


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("one run a member", "write 'per' in a distributive"),
        ("30 steps a second", "write 'per' in a distributive"),
        ("It tells which.", "things do not tell"),
        ("Inside, Ctrl-C ends it.", "name the context manager"),
        ("equal to the bit", "use the plain word"),
    ],
)
def test_each_rule_finds_its_kind(text: str, rule: str):
    assert RULES[rule].search(text)
    assert not any(
        pattern.search("One run per member returns tensors.") for pattern in RULES.values()
    )


def test_a_docstring_does_not_open_with_a_question():
    assert OPENING.match("What one update does.")
    assert not OPENING.match("Return the mean.")
