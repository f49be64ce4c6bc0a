"""What one process of one subject tells."""

import resource
import sys
from dataclasses import dataclass

from benchmarks.clock import StepClock


@dataclass(frozen=True)
class Measurement:
    """One process of one subject; what a subject has none of is None."""

    speed: float
    """Agent-steps per second: environment steps of one member × members."""
    processor_share: float
    """Processor time over wall time while timing; far below 1 on one thread: the machine is busy
    with something else."""
    startup: float | None = None
    """Seconds from the start of the process to the first environment step."""
    first_updates: float | None = None
    """Seconds of the first two updates, a compilation included."""
    memory: float | None = None
    """Peak resident memory of the process, in MiB."""
    helper_memory: float | None = None
    """The same of the largest process that it started (a compiler), in MiB; 0: there was none."""
    speed_with_torch: float | None = None
    """Of a limit: its speed if all products were torch's batched ones."""
    parts: dict[str, float] | None = None
    """What a limit is made of: microseconds of a step of all members, by name."""

    @property
    def by_processor_time(self) -> float:
        """Agent-steps per second of processor time, which other processes take nothing of."""
        return self.speed / self.processor_share


def measured(clock: StepClock, began: float) -> Measurement:
    """What `clock` saw in a process that was started at `began` of the monotonic clock."""
    stamps = clock.stamps
    start, end = stamps["start"], stamps["end"]
    seconds = end.wall - start.wall
    return Measurement(
        speed=clock.work.members * (end.step - start.step) / seconds,
        processor_share=(end.processor - start.processor) / seconds,
        startup=stamps["first step"].wall - began,
        first_updates=stamps["warm"].wall - stamps["first update"].wall,
        memory=_peak(resource.RUSAGE_SELF),
        helper_memory=_peak(resource.RUSAGE_CHILDREN),
    )


def _peak(who: int) -> float:
    """Peak resident memory in MiB."""
    # Linux tells kibibytes, macOS bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(who).ru_maxrss / unit
