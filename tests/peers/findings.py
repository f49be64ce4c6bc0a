"""What the tests of the libraries look at in a report."""

from ddpg.isolation import Finding, Report
from ddpg.isolation.report import Kind

Fault = tuple[str, str, str, str]


def faults(report: Report) -> set[Fault]:
    """(update, module, verdict, kind) of everything that is wrong."""
    return {(each.update, each.module, each.verdict, each.kind) for each in report.findings}


def the(report: Report, update: str, module: str, kind: Kind) -> Finding:
    """The one finding of this update, module and kind."""
    (finding,) = report.find(update=update, module=module, kind=kind)
    return finding
