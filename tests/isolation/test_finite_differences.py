"""Audited reach of a gradient, compared with finite differences of the loss.

Random programs: each line feeds one or two earlier values to a module, may multiply by zero, and
may cut the result off the graph. Finite differences see through a cut, so while parameters are
nudged every cut value is held at what the base run recorded.
"""

from dataclasses import dataclass

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, audit, nothing

NAMES = ("first", "second", "third")
CUTS = ("none", "detach", "no_grad", "data", "rebuilt")
NUDGE = 1e-5


@dataclass(frozen=True)
class Line:
    module: str
    inputs: tuple[int, ...]
    cut: str
    zeroed: bool


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Line], tuple[int, ...]]:
    lines: list[Line] = []
    for index in range(draw(st.integers(1, 5))):
        earlier = st.integers(0, index)
        lines.append(
            Line(
                draw(st.sampled_from(NAMES)),
                tuple(draw(st.lists(earlier, min_size=1, max_size=2, unique=True))),
                draw(st.sampled_from(CUTS)),
                draw(st.sampled_from((False, False, False, True))),
            )
        )
    ends = st.lists(st.integers(1, len(lines)), min_size=1, max_size=2, unique=True)
    return lines, tuple(draw(ends))


class Program:
    """Runs the lines; with `held`, every cut takes its value from there."""

    def __init__(self, lines: list[Line], ends: tuple[int, ...]) -> None:
        torch.manual_seed(len(lines))
        self.lines, self.ends = lines, ends
        self.modules = {name: nn.Sequential(nn.Linear(2, 2), nn.Tanh()).double() for name in NAMES}
        self.start = torch.randn(3, 2, dtype=torch.float64)
        self.recorded: dict[int, Tensor] = {}

    def loss(self, held: dict[int, Tensor] | None = None) -> Tensor:
        values = [self.start]
        for index, line in enumerate(self.lines):
            entering = torch.stack([values[each] for each in line.inputs]).sum(0)
            if line.cut == "no_grad":
                with torch.no_grad():
                    value = self.modules[line.module](entering)
            else:
                value = self.modules[line.module](entering)
            if line.zeroed:
                value = value * 0.0
            values.append(self.cut(index, line.cut, value, held))
        anchor = torch.zeros((), dtype=torch.float64, requires_grad=True)  # a loss without a path
        return torch.stack([values[end].sin().sum() for end in self.ends]).sum() + anchor

    def cut(self, index: int, how: str, value: Tensor, held: dict[int, Tensor] | None) -> Tensor:
        if how == "none":
            return value
        if held is not None:
            return held[index]
        if how == "detach":
            value = value.detach()
        elif how == "data":
            value = value.data
        elif how == "rebuilt":
            value = torch.tensor(value.tolist(), dtype=torch.float64)
        self.recorded[index] = value
        return value

    def paths(self) -> set[str]:
        """The modules that the ends depend on by lines that nothing cut."""
        live: list[set[str]] = [set()]
        for line in self.lines:
            before = set[str]().union(*(live[each] for each in line.inputs))
            live.append(before | {line.module} if line.cut == "none" else set())
        return set[str]().union(*(live[end] for end in self.ends))

    def differences(self) -> dict[str, float]:
        """Module → the largest central difference of the loss over its parameters."""
        self.loss()
        held = dict(self.recorded)
        largest: dict[str, float] = dict.fromkeys(NAMES, 0.0)
        with torch.no_grad():
            for name, module in self.modules.items():
                for parameter in module.parameters():
                    for place in range(parameter.numel()):
                        flat = parameter.view(-1)
                        was = float(flat[place])
                        flat[place] = was + NUDGE
                        above = float(self.loss(held))
                        flat[place] = was - NUDGE
                        below = float(self.loss(held))
                        flat[place] = was
                        slope = abs(above - below) / (2 * NUDGE)
                        largest[name] = max(largest[name], slope)
        return largest


@settings(max_examples=150, deadline=None, derandomize=True)
@given(programs())
def test_reached_and_nonzero_as_finite_differences_say(
    drawn: tuple[list[Line], tuple[int, ...]],
) -> None:
    program = Program(*drawn)
    slopes = program.differences()
    assume(all(slope == 0.0 or slope > 1e-6 for slope in slopes.values()))
    contract = Contract(modules=program.modules, updates={"update": nothing()})

    report = audit(contract, lambda: program.loss().backward(), rounds=1)

    cells = {name: report["update", name] for name in NAMES}
    assert {name for name, cell in cells.items() if cell.delivered} == {
        name for name, slope in slopes.items() if slope > 0
    }
    assert {name for name, cell in cells.items() if cell.reached} == program.paths()
    for name in program.paths():
        assert cells[name].grade == (Grade.NONZERO if slopes[name] > 0 else Grade.ZERO)
        assert cells[name].verdict == ("leaked" if slopes[name] > 0 else "kept")


def test_an_exactly_zero_path_is_reached_and_zero() -> None:
    program = Program([Line("first", (0,), "none", True)], (1,))
    contract = Contract(modules=program.modules, updates={"update": nothing()})

    cell = audit(contract, lambda: program.loss().backward())["update", "first"]

    assert (cell.reached, cell.delivered, cell.written) == (True, 0.0, "zero")
    assert cell.grade == Grade.ZERO
    assert cell.verdict == "kept"
