"""Long training under observation: `make soak`, or `python -m tests.soak --steps 300000`.

Exit status: 0 if memory does not grow and speed does not fall beyond the limits, else 1.
"""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.config.settings import Config
from tests.soak.measure import SoakFigures, soak, soak_figures

MAX_MEMORY_GROWTH, MAX_SLOWDOWN = 0.01, 0.03


def main() -> int:
    """Train, print the figures, and compare them with the limits."""
    parser = OneSentenceParser(prog="soak", description=__doc__)
    parser.add_argument("--steps", type=int, default=300_000, help="environment steps per member")
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
    figures = soak_figures(samples, config.log_every)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(sample) for sample in samples]))
    print(figures_text(figures))
    flat = figures.memory_growth < MAX_MEMORY_GROWTH
    steady = figures.speed_change > -MAX_SLOWDOWN
    return 0 if flat and steady else 1


def figures_text(figures: SoakFigures) -> str:
    """Return the figures as text for the console."""
    files = "\n".join(
        f"{kind}: at most {figures.largest[kind] / 1e6:.1f} MB, {growth:+.1f} bytes per step"
        for kind, growth in figures.bytes_per_step.items()
    )
    return (
        f"memory: {figures.memory_start / 1e6:.1f} MB after the warm-up, "
        f"{figures.memory_end / 1e6:.1f} MB at the end ({figures.memory_growth:+.2%})\n"
        f"speed: {figures.speed_start:.3f} of the reference after the warm-up, "
        f"{figures.speed_end:.3f} at the end ({figures.speed_change:+.2%})\n{files}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
