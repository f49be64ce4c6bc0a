"""Contract as Python text, to read, edit and paste."""

from collections.abc import Iterable, Mapping, Sequence

from ..contract import Contract, Permission

_PACKAGE = __name__.rpartition(".survey")[0]
_WIDTH = 88


def contract_text(
    contract: Contract,
    modules: Mapping[str, str],
    optimizers: Mapping[str, str],
    parameters: Iterable[str],
    restores: Sequence[str] = (),
) -> str:
    """Return a module with a function `contract` that returns the contract.

    Args:
        modules, optimizers: name → expression.
        parameters: names of the function's arguments, which the expressions use.
        restores: expressions of the objects to restore.
    """
    fields = [
        _field("modules", [f"{_quoted(name)}: {modules[name]}" for name in contract.modules]),
        _field("optimizers", [f"{_quoted(n)}: {optimizers[n]}" for n in contract.optimizers]),
        _field("updates", [f"{_quoted(n)}: {_permission(p, 3)}" for n, p in _updates(contract)]),
        _field("shared", [f"{_quoted(n)}: {_names(each)}" for n, each in contract.shared.items()]),
        _field("holds", [f"{_quoted(n)}: {_names(each)}" for n, each in contract.holds.items()]),
        _field(
            "equal_at_start",
            [f"{_quoted(n)}: {_quoted(each)}" for n, each in contract.equal_at_start.items()],
        ),
    ]
    body = "".join(fields)
    if restores:
        body += f"        restores=[{', '.join(restores)}],\n"
    used = [
        name for name in ("follows", "moves", "nothing", "split", "trains") if f"{name}(" in body
    ]
    return (
        f"from {_PACKAGE} import Contract, {', '.join(used)}\n\n\n"
        f"{_signature(list(parameters))}\n    return Contract(\n{body}    )\n"
    )


def _signature(parameters: Sequence[str]) -> str:
    one_line = f"def contract({', '.join(parameters)}):"
    if len(one_line) <= _WIDTH:
        return one_line
    lines = "".join(f"    {name},\n" for name in parameters)
    return f"def contract(\n{lines}):"


def _updates(contract: Contract) -> Iterable[tuple[str, Permission]]:
    return contract.updates.items()


def _field(name: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    lines = "".join(f"            {each},\n" for each in items)
    return f"        {name}={{\n{lines}        }},\n"


def _permission(permission: Permission, depth: int) -> str:
    if permission.split:
        inner = {name: _permission(each, depth + 1) for name, each in permission.split.items()}
        if all(name.isidentifier() for name in inner):
            items = [f"{name}={text}" for name, text in inner.items()]
            return _call("split", items, depth, always_broken=True)
        items = [f"{_quoted(name)}: {text}" for name, text in inner.items()]
        indent = "    " * (depth + 1)
        lines = "".join(f"{indent}{each},\n" for each in items)
        return f"split(**{{\n{lines}{'    ' * depth}}})"
    fields = [
        f"{name}={_names(getattr(permission, name))}"
        for name in ("moves", "through", "optional")
        if getattr(permission, name)
    ]
    if permission.follows:
        pairs = ", ".join(f"{_quoted(k)}: {_quoted(v)}" for k, v in permission.follows.items())
        fields.insert(0, f"follows={{{pairs}}}")
    trained = [_quoted(name) for name in permission.trains]
    if not trained and not fields:
        return "nothing()"
    if trained or len(fields) > 1 or permission.through or permission.optional:
        return _call("trains", trained + fields, depth)
    if permission.follows:
        names = permission.follows
        if all(name.isidentifier() for name in names):
            return _call("follows", [f"{k}={_quoted(v)}" for k, v in names.items()], depth)
        indent = "    " * (depth + 2)
        lines = "".join(f"{indent}{_quoted(k)}: {_quoted(v)},\n" for k, v in names.items())
        return _call(
            "follows", [f"**{{\n{lines}{'    ' * (depth + 1)}}}"], depth, always_broken=True
        )
    return _call("moves", [_quoted(name) for name in permission.moves], depth)


def _call(function: str, arguments: Sequence[str], depth: int, always_broken: bool = False) -> str:
    one_line = f"{function}({', '.join(arguments)})"
    if not always_broken and len(one_line) + 4 * depth + 24 <= _WIDTH:
        return one_line
    indent = "    " * (depth + 1)
    lines = "".join(f"{indent}{each},\n" for each in arguments)
    return f"{function}(\n{lines}{'    ' * depth})"


def _names(names: Iterable[str]) -> str:
    listed = [_quoted(name) for name in names]
    return listed[0] if len(listed) == 1 else f"({', '.join(listed)})"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
