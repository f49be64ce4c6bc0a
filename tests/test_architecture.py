"""The layout holds its rules of dependency (docs/architecture.md)."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ddpg"
FILES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in PACKAGE.rglob("*.py")
    # Run by Hatch; not in a wheel.
    if file.name != "hatch_build.py"
}
FOUNDATION = ("errors", "random_streams", "stops", "fast", "isolation")
"""Usable without the agent; `isolation` without its contracts."""
ORDER = ("config", "runs", "environments", "evaluation", "training")
"""Each of these imports only the names before it."""
COMMANDS = ("ddpg.isolation.__main__", "ddpg.isolation.command", "ddpg.isolation.run_command")
"""The command of the audit as a distribution of its own."""
USERS = ("comparison", "tutorial")
"""They may import everything below, and only `cli` imports them."""


class Import(NamedTuple):
    """One import of a name or a module of the package."""

    importer: str
    imported: str
    name: str


def imports_of(module: str, file: Path) -> Iterator[Import]:
    """Every import in `file`, inside functions too; those for type checkers alone left out."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            home = ".".join([*above, *filter(None, [node.module])]) if node.level else node.module
            for alias in node.names:
                inner = f"{home}.{alias.name}"
                yield Import(module, inner if inner in FILES else str(home), alias.name)


IMPORTS = [each for module, file in FILES.items() for each in imports_of(module, file)]
INSIDE = [each for each in IMPORTS if each.imported.partition(".")[0] == "ddpg"]


def room(module: str) -> str:
    """The folder or file at the top of the package that a module belongs to."""
    return [*module.split("."), ""][1]


def crossings(*rooms: str) -> list[Import]:
    """The imports by which a module of `rooms` reaches another room."""
    return [e for e in INSIDE if room(e.importer) in rooms and room(e.imported) != room(e.importer)]


def test_the_imports_are_seen():
    assert Import("ddpg.agent", "ddpg.replay", "Batch") in IMPORTS
    assert len(INSIDE) > 300
    assert set(ORDER) | set(USERS) | set(FOUNDATION) < {room(module) for module in FILES}


def test_the_foundation_imports_nothing_of_ddpg():
    assert [
        each
        for each in crossings(*FOUNDATION)
        if room(each.imported) not in FOUNDATION and ".contracts." not in each.importer
    ] == []


def test_the_audit_imports_torch_and_itself_alone():
    files = {m: f for m, f in FILES.items() if m.startswith("ddpg.isolation.")}
    core = {m: f.read_text(encoding="utf-8") for m, f in files.items() if ".contracts" not in m}
    outside = {
        (name.partition(".")[0], module.split(".")[2])
        for module, source in core.items()
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name]
        if name and not getattr(node, "level", 0)
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "torch"}
    }
    rendering = {(library, "render") for library in ("rich", "pygraphviz", "PIL")}
    assert outside <= {("pytest", "pytest_plugin"), *rendering}
    assert not [module for module, source in core.items() if "from ddpg" in source]


def test_the_agent_knows_no_file_environment_tensorboard_or_compiler():
    allowed = {"networks", "replay", "stops", "fast", "config"}
    assert {room(each.imported) for each in crossings("agent")} <= allowed
    others = {e.imported.partition(".")[0] for e in IMPORTS if e.importer == "ddpg.agent"}
    assert others <= {"ddpg", "torch", "copy", "typing", "collections", "dataclasses", "functools"}


@pytest.mark.parametrize("name", ["runs", "environments"])
def test_what_is_on_disk_and_what_is_stepped_know_no_agent(name: str):
    assert not {room(e.imported) for e in crossings(name)} & {"agent", "training", "evaluation"}


def test_the_layers_are_imported_downwards_alone():
    upwards = [
        each
        for each in crossings(*ORDER)
        if room(each.imported) in (*ORDER, *USERS)
        and (*ORDER, *USERS).index(room(each.imported)) > ORDER.index(room(each.importer))
    ]
    assert upwards == []


@pytest.mark.parametrize("name", USERS)
def test_nothing_but_the_command_line_imports(name: str):
    users = {room(e.importer) for e in INSIDE if room(e.imported) == name} - {name}
    assert users <= {"cli"}


def test_nothing_but_the_scripts_and_the_command_imports_the_command_line():
    assert {room(e.importer) for e in INSIDE if room(e.imported) == "cli"} == {"cli", "__main__"}


def test_only_the_command_line_prints_parses_and_exits():
    calls = {
        (module, ast.unparse(node.func))
        for module, file in FILES.items()
        if room(module) not in ("cli", "__main__") and module not in COMMANDS
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    ends = ("print", "sys.exit", "exit", "SystemExit", "ArgumentParser")
    assert {call for call in calls if call[1] in ends} == set()


def test_there_is_no_circle():
    graph = {module: {e.imported for e in INSIDE if e.importer == module} for module in FILES}
    lazy = ("ddpg", "ddpg.isolation")
    try:
        order = [
            *TopologicalSorter({m: graph[m] - {m} for m in graph if m not in lazy}).static_order()
        ]
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
    assert "ddpg.agent" in order


def test_no_private_name_crosses_a_file():
    assert [each for each in INSIDE if re.match(r"_[^_]", each.name)] == []


def test_the_top_of_the_package_is_the_algorithm():
    assert len([*PACKAGE.glob("*.py")]) <= 8


def test_the_algorithm_is_read_in_one_sitting():
    def lines(name: str) -> int:
        return len((PACKAGE / name).read_text(encoding="utf-8").splitlines())

    assert lines("agent.py") < 200
    assert lines("networks.py") < 70
    assert sum(map(lines, ("agent.py", "networks.py", "replay.py", "training/loop.py"))) < 800
