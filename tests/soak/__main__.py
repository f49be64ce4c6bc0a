"""The long haul: `make soak`, or `python -m tests.soak --steps 300000`.

Exit status: 0 if memory stays flat, files stay bounded and the speed keeps, else 1.
"""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from ddpg.cli.parser import OneSentenceParser
from ddpg.config.settings import Config
from tests.soak.measure import Figures, figures, soak

MOST_MEMORY_GROWTH, MOST_SPEED_CHANGE = 0.01, 0.03


def main() -> int:
    """Train, print the figures, judge them."""
    parser = OneSentenceParser(prog="soak", description=__doc__)
    parser.add_argument("--steps", type=int, default=300_000, help="environment steps of a member")
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--json", type=Path | None, help="file for all samples")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as runs:
        config = Config(
            runs=runs,
            name="soak",
            steps=arguments.steps,
            members=arguments.members,
            evaluation_every=5_000,
            evaluation_episodes=1,
            log_every=200,
        )
        samples = soak(config, every=arguments.steps // 150)
    result = figures(samples, config.log_every)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(sample) for sample in samples]))
    print(text(result))
    flat = result.memory_growth < MOST_MEMORY_GROWTH
    steady = result.speed_change > -MOST_SPEED_CHANGE
    return 0 if flat and steady else 1


def text(result: Figures) -> str:
    """The figures, for a person."""
    files = "\n".join(
        f"{kind}: at most {result.largest[kind] / 1e6:.1f} MB, {growth:+.1f} bytes a step"
        for kind, growth in result.bytes_per_step.items()
    )
    return (
        f"memory: {result.memory_start / 1e6:.1f} MB after the warm-up, "
        f"{result.memory_end / 1e6:.1f} MB at the end ({result.memory_growth:+.2%})\n"
        f"speed: {result.speed_start:.3f} of the reference after the warm-up, "
        f"{result.speed_end:.3f} at the end ({result.speed_change:+.2%})\n{files}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
