"""One subject in a process of its own: `python -m benchmarks.child REQUEST`, with a JSON line
of its `Measurement` at the end."""

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict


def hold_to(cores: list[int]) -> None:
    """Hold this process to some processor cores, where the system can; libraries count them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def main() -> None:
    """Measure what the request names."""
    request = json.loads(sys.argv[1])
    # Before anything is imported that counts the cores.
    hold_to(request["cores"])

    from benchmarks.clock import Finished, StepClock
    from benchmarks.measurement import measured
    from benchmarks.subjects import SUBJECTS
    from benchmarks.work import Work

    subject, work = SUBJECTS[request["subject"]], Work(**request["work"])
    if subject.is_limit:
        from benchmarks.limit import measure

        measurement = measure(work)
    else:
        train, clock = subject.train(), StepClock(work)
        # Only now: what a subject imports may register environments of its own.
        clock.watch()
        with suppress(Finished):
            train(work)
        measurement = measured(clock, request["began"])
    print(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main()
