"""One subject in a process of its own: `python -m ddpg.benchmark.child REQUEST`, with a JSON line
of its `Measurement` at the end."""

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict


def main() -> None:
    """Measure what the request names."""
    request = json.loads(sys.argv[1])
    # Before anything is imported that counts the cores.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, request["cores"])

    from ddpg.benchmark.clock import Finished, StepClock
    from ddpg.benchmark.measurement import measured
    from ddpg.benchmark.subjects import SUBJECTS
    from ddpg.benchmark.work import Work

    subject, work = SUBJECTS[request["subject"]], Work(**request["work"])
    if subject.is_limit:
        from ddpg.benchmark.limit import measure

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
