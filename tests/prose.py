"""The mechanical part of the style rules: `python -m tests.prose [FILE ...]` lists violations."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

_UNIT = (
    "(?:agent|batch|case|cell|core|crossing|cycle|entry|episode|evaluation|file|folder|generator|"
    "group|hour|layer|library|line|loss|machine|member|metric|minute|module|network|optimizer|"
    "page|panel|parameter|part|piece|point|process|purpose|quantity|result|round|row|run|second|"
    "seed|setting|signal|step|stop|subject|table|tag|task|term|thread|update|variant|window|"
    "worker)"
)
_COUNT = "(?:an?|one|two|three|four|five|eight|ten|some|many|\\d[\\d,.]*)"
_COUNTED = (
    "(?:bytes|charts|columns|curves|episodes|evaluations|files|gradients|graphs|lines|MiB|ms|"
    "microseconds|milliseconds|nanoseconds|numbers|parameters|points|processes|rounds|rows|runs|"
    "seconds|seeds|steps|times|updates|us|values|µs)"
)
_SMALL = "(?:and|as|at|but|by|for|from|has|if|in|is|of|on|or|than|that|to|with)"
RULES = {
    "write 'per' in a distributive": re.compile(
        rf"\b{_COUNT} (?!{_SMALL}\b)[\w-]+ an? {_UNIT}\b|\b(?:one|each) an? {_UNIT}\b|"
        rf"\b\d[\d,.]* {_COUNTED} an? {_UNIT}\b|\b{_COUNTED} an? (?:second|minute|hour|step)\b"
    ),
    "things do not tell": re.compile(r"\b(?:tell|tells|told|telling)\b", re.IGNORECASE),
    "name the context manager": re.compile(r"\bInside,"),
    "use the plain word": re.compile(
        r"\b(?:reckon\w*|mend(?:s|ed|ing)?|tak(?:e|es|en|ing) up|took up|go(?:es|ing)? on|"
        r"went on|gone on|br(?:ing|ings|inging|ought) along|but for|to the bit|nobody's|theirs|"
        r"whoever|flatter(?:s|ed|ing)?|for the while|stands|lies|bears|com(?:e|es) home|whereof|"
        r"thereby|anew|no other than)\b",
        re.IGNORECASE,
    ),
}
_OWN = ("prose.py", "test_prose.py")
"""Files that quote the words."""
OPENING = re.compile(r"(?:What|How|Where|Whether|Which|Why|Who|Whose|Whom)\b")


class Violation(NamedTuple):
    """One phrase that the style does not allow."""

    file: str
    line: int
    phrase: str
    rule: str


def violations(file: Path) -> Iterator[Violation]:
    """Every violation of a Markdown or Python file."""
    name = file.relative_to(ROOT).as_posix()
    text = file.read_text(encoding="utf-8")
    passages = _markdown(text) if file.suffix == ".md" else _python(text)
    for line, passage, is_docstring in passages:
        if is_docstring and (opening := OPENING.match(passage.strip())):
            yield Violation(name, line, opening[0], "open with a verb or a noun")
        flat = re.sub(r"\s+", " ", re.sub(r"`[^`]*`", "``", passage))
        for rule, pattern in RULES.items():
            for match in pattern.finditer(flat):
                yield Violation(name, line, match[0], rule)


def documents() -> list[Path]:
    """Files that the style covers."""
    patterns = (
        "*.md",
        "docs/**/*.md",
        "ddpg/**/*.md",
        "ddpg/**/*.py",
        "benchmarks/**/*.py",
        "examples/inventories.py",
        "examples/mistakes.py",
        "scripts/*.py",
    )
    tests = (file for file in ROOT.glob("tests/**/*.py") if file.name not in _OWN)
    return sorted([*(file for pattern in patterns for file in ROOT.glob(pattern)), *tests])


def _markdown(text: str) -> Iterator[tuple[int, str, bool]]:
    """Paragraphs outside code blocks."""
    without_code = re.sub(r"```.*?```", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
    line = 1
    for paragraph in re.split(r"(\n\s*\n)", without_code):
        yield line, paragraph, False
        line += paragraph.count("\n")


def _python(text: str) -> Iterator[tuple[int, str, bool]]:
    """Docstrings, other strings and blocks of comments."""
    tree = ast.parse(text)
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value, id(node) in documented
    yield from _comments(text)


def _comments(text: str) -> Iterator[tuple[int, str, bool]]:
    first, block = 0, ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            first = first or token.start[0]
            block += token.string.lstrip("#")
        elif token.type not in (tokenize.NL, tokenize.NEWLINE) and block:
            yield first, block, False
            first, block = 0, ""
    if block:
        yield first, block, False


def main(arguments: list[str]) -> int:
    """Print the violations of the files or folders named, of all documents without any."""
    named = [Path(argument).resolve() for argument in arguments]
    files = [
        file
        for file in documents()
        if not named or any(file == each or each in file.parents for each in named)
    ]
    found = [violation for file in files for violation in violations(file)]
    for each in found:
        print(f"{each.file}:{each.line}: {each.phrase!r}: {each.rule}")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
