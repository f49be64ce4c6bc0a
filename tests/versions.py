"""Fast suite under other versions: `make test-versions`. Each version needs up to 8 GB of disk."""

import argparse
import os
import re
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "versions.md"
EXTRAS = "report,graphs,notebook,video,mujoco,completion"
# Named here since Gymnasium 1.1 asks for a Box2D that has to be compiled.
TOOLS = ("pytest", "hypothesis", "pytest-xdist", "selenium>=4.30", "Box2D>=2.3.10")
# The other libraries ask for versions of their own.
LEFT_OUT = ("--ignore=tests/peers", "--ignore=tests/comparison/running/test_ray.py")
LEFT_OUT += ("-k", "not ray_address and not missing_peer")
SHOWN = ("torch", "numpy", "gymnasium", "pandas")


class Version(NamedTuple):
    """Packages that replace the tested versions, and the tests that run besides the fast suite."""

    packages: tuple[str, ...]
    is_compiled: bool = False
    """Run the tests of compiled updates too, which need PyTorch 2.13."""
    has_rliable: bool = True
    """Install rliable, the oracle of the intervals, which does not run with pandas 3."""
    has_export: bool = True
    """Install the extra `export`, which needs PyTorch 2.9."""


VERSIONS = {
    "torch 2.4.1": Version(("torch==2.4.1",), has_export=False),
    "torch 2.9.1": Version(("torch==2.9.1",)),
    "torch 2.14.1": Version(("torch==2.14.1",), is_compiled=True),
    "newest torch": Version(("torch",), is_compiled=True),
    "numpy 2.0": Version(("torch==2.13.0", "numpy==2.0.*")),
    "newest numpy": Version(("torch==2.13.0", "numpy"), has_rliable=False),
    "gymnasium 1.1": Version(("torch==2.13.0", "gymnasium==1.1.*")),
    "newest gymnasium": Version(("torch==2.13.0", "gymnasium")),
    "pandas 3": Version(("torch==2.13.0", "pandas>=3"), has_rliable=False),
}


def main() -> int:
    """Run the named versions, or all, and replace their rows in `docs/versions.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *VERSIONS], help="default: all")
    for name in parser.parse_args().names or VERSIONS:
        row = _row(name, VERSIONS[name])
        print(row, flush=True)
        text = DOCUMENT.read_text("utf-8")
        text = re.sub(rf"^\| {re.escape(name)} \|.*$", lambda _, row=row: row, text, flags=re.M)
        DOCUMENT.write_text(text, "utf-8")
    return 0


def _row(name: str, version: Version) -> str:
    """Install a version into a temporary environment, run the tests, and return the table's row."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        tools = [*TOOLS, *(["rliable", "pandas<3"] * version.has_rliable)]
        extras = EXTRAS + ",export" * version.has_export
        install = ["-m", "pip", "install", "--quiet", "--no-compile", *version.packages, *tools]
        subprocess.run([python, *install, f"{ROOT}[{extras}]"], check=True)
        # The tests import the repository, as `make test` does.
        subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "ddpg-stops"], check=True)
        listed = subprocess.check_output(
            [python, "-m", "pip", "list", "--format=freeze"], text=True
        )
        installed = dict(line.split("==") for line in listed.splitlines() if "==" in line)
        left_out = [*LEFT_OUT]
        if not version.has_export:
            left_out.append("--ignore=tests/evaluation/test_export.py")
        cells = [installed.get(package, "–") for package in SHOWN]
        cells.append(
            _pytest(python, "-m", "not slow", "--continue-on-collection-errors", *left_out)
        )
        cells.append(_pytest(python, "tests/fast") if version.is_compiled else "–")
        return f"| {name} | {' | '.join(cells)} |"


def _pytest(python: str, *arguments: str) -> str:
    """Return the counts in the last line of a run of pytest."""
    # The project's own -q: with a second one, pytest prints no counts.
    options = ("-p", "no:cacheprovider", "--numprocesses", "auto")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [python, "-m", "pytest", *options, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    *_, last = run.stdout.strip().splitlines() or ["nothing ran"]
    for line in run.stdout.splitlines():
        if line.startswith(("FAILED", "ERROR")):
            print(line)
    return last.partition(" in ")[0].strip("= ")


if __name__ == "__main__":
    raise SystemExit(main())
