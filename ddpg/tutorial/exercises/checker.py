"""Check an exercise with the audit: first the symptoms, on request the place, then the answer."""

import importlib.util
import traceback
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from types import ModuleType

import torch

from ddpg.errors import ExerciseError
from ddpg.isolation import Cell, Report, audit
from ddpg.isolation.factory import first_line
from ddpg.tutorial.exercises.registry import EXERCISES, Exercise

_SYMPTOMS = {
    "starved": "should be trained or moved, and is not",
    "leaked": "should be left alone, and is not",
    "moved_by_other": "is moved by something that may not move it",
}


@dataclass(frozen=True)
class ExerciseResult:
    """Result of the audit of one exercise file."""

    exercise: Exercise
    file: Path
    report: Report

    @property
    def solved(self) -> bool:
        """True if the audit found nothing."""
        return self.report.kept

    def text(self, hint: bool = False) -> str:
        """Return the message for the learner.

        Args:
            hint: include the path through the graph and the source lines.
        """
        head = f"Exercise {self.exercise.number}: {self.exercise.title} ({self.file})"
        if self.solved:
            return (
                f"{head}\nSolved: every update trains what it should and leaves the rest alone.\n"
                f"The bug is from {self.exercise.report}"
            )
        body = self.report.summary() if hint else "\n".join(_symptoms(self.report))
        more = "" if hint else "--hint shows where it happens. "
        return f"{head}\nNot solved yet.\n{body}\n{more}--solution shows the answer."


def exercise_file(number: int) -> Path:
    """Return the path of exercise `number` in this package."""
    return Path(__file__).with_name(f"exercise_{number}.py")


def solved_source(number: int) -> str:
    """Return the source of exercise `number` with its solution applied."""
    source = exercise_file(number).read_text(encoding="utf-8")
    for old, new in EXERCISES[number].solution:
        assert source.count(old) == 1, f"exercise {number}: {old!r} does not occur once"
        source = source.replace(old, new)
    return source


def solution_text(number: int) -> str:
    """Return the explanation, the public report, and the changed lines."""
    exercise = EXERCISES[number]
    shipped = exercise_file(number).read_text(encoding="utf-8").splitlines()
    solved = solved_source(number).splitlines()
    diff = "\n".join(unified_diff(shipped, solved, "exercise", "solution", n=1, lineterm=""))
    return (
        f"Exercise {number}: {exercise.title}\n{exercise.answer}\n"
        f"The bug is from {exercise.report}\n\n{diff}"
    )


def check(number: int, file: Path | None = None) -> ExerciseResult:
    """Audit the agent of exercise `number`.

    Args:
        number: 1 to 5.
        file: the learner's copy; None for the exercise as shipped.

    Raises:
        ExerciseError: the file does not exist, or its code raises.
    """
    exercise = EXERCISES[number]
    path = exercise_file(number) if file is None else file
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            contract, updates = exercise.setup(_load(path).Agent())
            report = audit(contract, updates)
    except (ExerciseError, KeyboardInterrupt):
        raise
    except BaseException as error:  # The learner's code can raise anything, SystemExit too.
        raise ExerciseError(_error_text(error, path)) from error
    return ExerciseResult(exercise, path, report)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_exercise_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ExerciseError(
            f"file: {str(path)!r} is not allowed; allowed: an existing file with the suffix .py"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _symptoms(report: Report) -> list[str]:
    """Return one line per broken cell and one for the setup, without the place of the bug."""
    lines = []
    for cell in report.cells:
        if cell.verdict == "kept":
            continue
        loss = f" ({cell.loss})" if cell.loss else ""
        measured = f".grad {_gradient_text(cell)}, moved by {cell.movement:.2g}"
        lines.append(f"- {cell.update}{loss}: {cell.module} {_SYMPTOMS[cell.verdict]} ({measured})")
    modules = {finding.module for finding in report.findings if finding.update == "setup"}
    if modules:
        lines.append(
            f"- before any update: the setup of {' and '.join(sorted(modules))} is not as the "
            "contract requires"
        )
    return lines


def _gradient_text(cell: Cell) -> str:
    """Return `None`, `zero`, or `value` and the norm."""
    if cell.written == "nonzero" and cell.gradient_norm is not None:
        return f"value, norm {cell.gradient_norm:.3g}"
    return {"none": "None", "zero": "zero", "nonzero": "value"}[cell.written]


def _error_text(error: BaseException, path: Path) -> str:
    file = str(path.absolute())
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    place = f"line {lines[-1].lineno} raises " if lines else ""
    message = f"{type(error).__name__}: {first_line(error)}".removesuffix(": ")
    return f"cannot check {path}: {place}{message}"
