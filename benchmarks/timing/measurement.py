"""Figures that one process of one subject measures."""

import sys
from dataclasses import dataclass

from benchmarks.timing.clock import StepClock


@dataclass(frozen=True)
class Measurement:
    """Figures of one process; None where a subject has no such figure."""

    speed: float
    """Agent-steps per second: environment steps of one member × members."""
    processor_share: float
    """Processor time per wall time while timing. Far below 1 on one thread: the machine is busy."""
    startup: float | None = None
    """Seconds from the start of the process to the first environment step."""
    first_updates: float | None = None
    """Seconds of the first two updates, including a compilation."""
    memory: float | None = None
    """Peak resident memory of the process, in MiB."""
    helper_memory: float | None = None
    """Peak resident memory of its largest child process (a compiler), in MiB; 0 without any."""
    speed_with_torch: float | None = None
    """Speed of a limit whose products are all torch's batched ones."""
    parts: dict[str, float] | None = None
    """Parts of a limit: microseconds per step of all members, by name."""

    @property
    def by_processor_time(self) -> float:
        """Agent-steps per second of processor time, which other processes hardly affect."""
        return self.speed / self.processor_share


def measured_by(clock: StepClock, began: float) -> Measurement:
    """Return the figures of this process, which started at `began` of the monotonic clock."""
    stamps = clock.stamps
    start, end = stamps["start"], stamps["end"]
    seconds = end.wall - start.wall
    return Measurement(
        speed=clock.workload.members * (end.step - start.step) / seconds,
        processor_share=(end.processor - start.processor) / seconds,
        startup=stamps["first step"].wall - began,
        first_updates=stamps["warm"].wall - stamps["first update"].wall,
        memory=_peak_memory("RUSAGE_SELF"),
        helper_memory=_peak_memory("RUSAGE_CHILDREN"),
    )


def _peak_memory(who: str) -> float | None:
    """Return peak resident memory in MiB, or None on Windows, which has no `resource`."""
    try:
        import resource
    except ImportError:
        return None
    # `ru_maxrss` is in KiB on Linux and in bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(getattr(resource, who)).ru_maxrss / unit
