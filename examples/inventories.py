"""The page docs/inventory_examples.md: `python -m examples.inventories`."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import ndiff
from io import StringIO
from pathlib import Path

import torch

from ddpg.isolation.command import main as audit
from examples.mistakes import MISTAKES, Mistake

PAGE = Path(__file__).parents[1] / "docs" / "inventory_examples.md"
INTRODUCTION = """\
# Inventories of seven scripts

Each script of [`examples/`](../examples) is written in the manner of what people write, and none
knows of the audit. Below are its [inventory](inventory.md), a mistake that is planted by replacing
lines, the warnings about the changed script, and the verdict on it under the contract that was
proposed for the unchanged script:

```
python -m ddpg.isolation run --propose contract.py examples/td3.py
python -m ddpg.isolation run --contract contract.py examples/td3.py   # after a change of the script
```

The command `python -m examples.inventories` writes this page, and a test compares it with the page.
"""


def section(mistake: Mistake) -> str:
    """Return the section of an example."""
    name = mistake.script.name
    with _folder():
        Path("right").mkdir()
        Path("wrong").mkdir()
        Path("right", name).write_text(mistake.script.read_text("utf-8"), encoding="utf-8")
        Path("wrong", name).write_text(mistake.planted(), encoding="utf-8")
        contract = Path("contract.py").resolve()
        inventory, _ = run(Path("right", name), "--propose", str(contract))
        warned, _ = run(Path("wrong", name))
        verdict, status = run(Path("wrong", name), "--contract", str(contract))
    warnings = warned[warned.index("\n\n") :].partition("\nProposed contract:")[0].strip()
    lines = ndiff(mistake.right.splitlines(), mistake.wrong.splitlines())
    changed = "\n".join(line for line in lines if line[0] in "+-")
    return "\n".join(
        [
            f"## {mistake.title}\n",
            f"[`examples/{name}`](../examples/{name})\n",
            f"```text\n{inventory}\n```\n",
            f"Planted mistake: {mistake.reason}\n",
            f"```diff\n{changed}\n```\n",
            f"```text\n{warnings}\n```\n",
            f"Under the contract above (exit status {status}):\n",
            f"```text\n{verdict}\n```\n",
        ]
    )


def run(script: Path, *options: str) -> tuple[str, int]:
    """Return the text and the exit status of the command `run`, from the folder of the script."""
    output = Path("output.txt").resolve()
    before = Path.cwd()
    os.chdir(script.parent)
    try:
        with redirect_stdout(StringIO()):
            status = audit(["run", "--output", str(output), *options, script.name])
    finally:
        os.chdir(before)
    return output.read_text(encoding="utf-8").strip(), status


@contextmanager
def _folder() -> Iterator[None]:
    """Context manager with an empty working directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


if __name__ == "__main__":
    torch.set_num_threads(1)  # the networks are small
    PAGE.write_text("\n".join([INTRODUCTION, *map(section, MISTAKES)]).rstrip() + "\n", "utf-8")
