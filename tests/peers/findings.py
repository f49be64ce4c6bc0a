"""What the tests of the libraries ask for in a contract, and look at in a report."""

from dataclasses import replace

from ddpg.isolation import Contract, Finding, Permission, Report, split
from ddpg.isolation.results import Kind

Fault = tuple[str, str, str, str]


def faults(report: Report) -> set[Fault]:
    """(update, module, verdict, kind) of everything that is wrong."""
    return {(each.update, each.module, each.verdict, each.kind) for each in report.findings}


def the(report: Report, update: str, module: str, kind: Kind) -> Finding:
    """The one finding of this update, module and kind."""
    (finding,) = report.find(update=update, module=module, kind=kind)
    return finding


def with_parts(contract: Contract, update: str, **parts: Permission) -> Contract:
    """The contract, with other permissions for some parts of a split update."""
    whole = {**contract.updates[update].split, **parts}
    return replace(contract, updates={**contract.updates, update: split(**whole)})
