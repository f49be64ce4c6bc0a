"""Updates as columns and modules as rows, with arrows from the loss to what it reached."""

from collections.abc import Mapping, Sequence
from html import escape

from ..results import Cell, Route
from .matrix import grade_in_words, in_words

Routes = Mapping[tuple[str, str], Sequence[Route]]
"""(update, module) → routes from losses of the update to the module."""
STYLE = """
.flow { display: grid; grid-auto-columns: minmax(11rem, 1fr); grid-auto-flow: column;
  grid-template-columns: max-content; grid-template-rows: repeat(var(--rows), auto);
  margin: 1rem 0; overflow-x: auto; }
.flow section { display: contents; }
.flow h2, .flow .name, .flow .cell { border-bottom: 1px solid var(--rule); font-size: 1rem;
  font-weight: 400; line-height: 1.3; margin: 0; padding: .5rem .6rem; position: relative; }
.flow h2 { font-weight: 700; padding-bottom: 1.4rem; }
.flow .names > * { background: var(--paper); font-weight: 700; left: 0; position: sticky;
  z-index: 1; }
.flow .cell { padding-left: 2.7rem; }
.flow .cell > b { display: none; } .flow small { color: var(--quiet); display: block; }
.flow .losing::after { border: 2px solid var(--ink); border-radius: 50%; bottom: 0; content: "";
  height: .8rem; left: .6rem; position: absolute; width: .8rem; }
.flow .losing::before { bottom: -.1rem; color: var(--quiet); content: "loss"; font-size: .85rem;
  font-weight: 400; left: 1.8rem; position: absolute; }
.flow .trunk::before { border-left: 2px solid var(--ink); bottom: -1px; content: ""; left: 1rem;
  position: absolute; top: 0; }
.flow .last::before { bottom: auto; height: 1.15rem; }
.flow .branch { border-top: 1px solid var(--ink); left: 1rem; position: absolute; top: 1.15rem;
  width: 1.1rem; }
.flow .branch::after { border: .25rem solid transparent; border-left: .5rem solid var(--ink);
  border-right: 0; content: ""; left: 100%; position: absolute; top: calc(-.25rem - .5px); }
.flow .applied .branch { border-top-width: 4px; margin-top: -1px; }
.flow .applied .branch::after { border-width: .45rem 0 .45rem .6rem; top: calc(-.45rem - 2px); }
.flow .applied summary { font-weight: 700; } .flow .applied summary * { font-weight: 400; }
.flow summary { cursor: pointer; }
.flow ol { margin: .3rem 0; padding-left: 1.2rem; } .flow li { overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  .flow { display: block; } .flow .names { display: none; }
  .flow section { border: 1px solid var(--rule); display: block; margin-bottom: 1rem; }
  .flow .cell > b { display: block; }
}
"""
_LEGEND = (
    "An arrow leads from the loss of an update to each module that it reached. It is bold where an "
    "optimizer step applied the gradient. Click a cell with an arrow for the path and its lines."
)


def flow(cells: Sequence[Cell], routes: Routes, judged: bool) -> str:
    """Return the picture as HTML.

    Args:
        judged: the cells have verdicts.
    """
    updates = list(dict.fromkeys(cell.update for cell in cells))
    modules = list(dict.fromkeys(cell.module for cell in cells))
    known = {(cell.update, cell.module): cell for cell in cells}
    names = "".join(f"<div class='name'>{escape(module)}</div>" for module in modules)
    columns = "".join(
        _column(
            update,
            [known[update, each] for each in modules if (update, each) in known],
            routes,
            judged,
        )
        for update in updates
    )
    return (
        f"<p class='quiet'>{_LEGEND}</p><div class='flow' style='--rows: {len(modules) + 1}'>"
        f"<section class='names'><h2></h2>{names}</section>{columns}</div>"
    )


def _column(update: str, cells: Sequence[Cell], routes: Routes, judged: bool) -> str:
    last = max((index for index, cell in enumerate(cells) if cell.reached), default=-1)
    drawn = "".join(
        _cell(cell, routes.get((update, cell.module), ()), judged, index, last)
        for index, cell in enumerate(cells)
    )
    losing = " class='losing'" if last >= 0 else ""
    return f"<section><h2{losing}>{escape(update)}</h2>{drawn}</section>"


def _cell(cell: Cell, routes: Sequence[Route], judged: bool, index: int, last: int) -> str:
    kinds = ["cell", cell.verdict if judged else ""]
    kinds += ["trunk"] if index <= last else []
    kinds += ["last"] if index == last else []
    kinds += ["applied"] if is_applied(cell) else []
    words = grade_in_words(cell)
    if judged and cell.verdict != "kept":
        words = f"{in_words(cell.verdict)}: {words}"
    small = [f"by {each}" for each in cell.movers]
    if cell.gradient_norm is not None:
        small.append(f"|gradient| {cell.gradient_norm:.3g}")
    if cell.movement:
        small.append(f"|movement| {cell.movement:.3g}")
    text = escape(words) + "".join(f"<small>{escape(each)}</small>" for each in small)
    if routes:
        title = escape("\n".join(each.entry for each in routes), quote=True)
        inner = "".join(map(_route, routes))
        text = f"<details><summary title='{title}'>{text}</summary>{inner}</details>"
    arrow = "<i class='branch'></i>" if cell.reached else ""
    return (
        f"<div class='{' '.join(filter(None, kinds))}' title='{escape(cell.reason, quote=True)}'>"
        f"{arrow}<b>{escape(cell.module)}</b>{text}</div>"
    )


def is_applied(cell: Cell) -> bool:
    """Return True if an optimizer step applied a gradient of the update to the module."""
    return cell.reached and any("gradient" in mover for mover in cell.movers)


def _route(route: Route) -> str:
    """Return the path from a loss, a line per place in the user's code."""
    lines: dict[str, str] = {}
    for step in route.steps:
        if step.line:
            lines.setdefault(step.line, step.module)
    operations = " → ".join(
        f"{step.operation} [{step.module}]" if step.module else step.operation
        for step in route.steps
    )
    listed = "".join(
        f"<li>{escape(module)} <code>{escape(line)}</code></li>" for line, module in lines.items()
    )
    entry = f"<li>enters at <code>{escape(route.entry)}</code></li>"
    entry = entry if route.entry and route.entry not in lines else ""
    return (
        f"<ol><li>loss <code>{escape(route.loss)}</code></li>{listed}"
        f"{entry}</ol>"
        f"<small>{escape(operations)}</small>"
    )
