"""Helpers for contracts and reports of other libraries."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor

from ddpg.isolation import Contract, Finding, Permission, Report, split
from ddpg.isolation.results import Kind

FindingKey = tuple[str, str, str, str]


def findings_in(report: Report) -> set[FindingKey]:
    """Return (update, module, verdict, kind) of every finding."""
    return {(each.update, each.module, each.verdict, each.kind) for each in report.findings}


def finding_in(report: Report, update: str, module: str, kind: Kind) -> Finding:
    """Return the only finding of this update, module and kind."""
    (finding,) = report.find(update=update, module=module, kind=kind)
    return finding


def replace_parts(contract: Contract, update: str, **parts: Permission) -> Contract:
    """Return the contract with other permissions for parts of a split update."""
    merged = {**contract.updates[update].split, **parts}
    return replace(contract, updates={**contract.updates, update: split(**merged)})


@contextmanager
def frozen(parameters: Iterable[Tensor]) -> Iterator[None]:
    """Freeze parameters in the block. An exhausted iterator freezes nothing: a common mistake."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    yield
    for parameter in parameters:
        parameter.requires_grad_(True)
