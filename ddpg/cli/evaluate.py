"""Score a run's deterministic policies: `python scripts/evaluate.py runs/NAME --episodes 100`.

`--compare RUN RUN` names the first evaluation at which the weights of two runs differ.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace
from rich.console import Console

from ddpg.cli.command import command
from ddpg.cli.display import evaluation_table
from ddpg.cli.imports import allow_current_folder
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.errors import UsageError
from ddpg.evaluation.confidence import has_scipy
from ddpg.evaluation.scores import FIRST_SEED, Evaluation, evaluate
from ddpg.evaluation.video import record, video_policy, watch
from ddpg.evaluation.weights import compare_weights
from ddpg.runs.files import require_output, write_file
from ddpg.runs.folder import RunFolder
from ddpg.training.display import meter


@command("evaluate")
def main(arguments: Sequence[str] | None = None) -> int:
    """Score a run and return 0; or compare two, and return 1 if their weights differ."""
    parsed = make_parser().parse_args(arguments)
    if bool(parsed.run) == bool(parsed.compare):
        raise UsageError("give the folder of one run, or --compare and the folders of two")
    if parsed.compare:
        comparison = compare_weights(*parsed.compare)
        print(comparison)
        return int(comparison.differs_at is not None)
    _evaluate(parsed)
    return 0


def make_parser() -> OneSentenceParser:
    """Return the parser of the command line."""
    parser = OneSentenceParser(prog=program("evaluate"), description=__doc__)
    parser.add_argument("run", type=Path | None, nargs="?", help="folder of the run")
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar="RUN", help="two runs: where do they differ?"
    )
    parser.add_argument(
        "--best",
        action="store_true",
        help="the policy of each member's best evaluation in training, instead of the newest",
    )
    parser.add_argument("--episodes", type=int, default=100, help="episodes of each member, ≥ 1")
    parser.add_argument(
        "--seed", type=int, default=FIRST_SEED, help="episode i starts from reset(seed=SEED + i)"
    )
    parser.add_argument("--json", type=Path | None, help="file for the scores of every member")
    parser.add_argument(
        "--video",
        type=Path | None,
        help=".mp4 or .gif of the member's episode with the lowest return, the hardest start",
    )
    parser.add_argument(
        "--member", type=int, default=0, help="member of the video or window, from 0"
    )
    parser.add_argument(
        "--render",
        choices=["human"],
        help="instead of scoring, show episodes in a window; Ctrl-C ends it",
    )
    parser.add_argument(
        "--env", type=str | None, help="for a run with the env module:id, that name again"
    )
    parser.add_argument(
        "--max_steps",
        type=int | None,
        help="steps after which an episode is cut off; default: the run's evaluation_max_steps",
    )
    return parser


def _evaluate(parsed: Namespace) -> None:
    allow_current_folder([parsed.env])
    if parsed.render:
        _watch(parsed)
        return
    # Fail before the work.
    if parsed.video:
        video_policy(parsed.run, parsed.video, parsed.member, parsed.env, parsed.best)
    for file in filter(None, (parsed.json, parsed.video)):
        require_output(file)
    with meter("episodes") as show:
        evaluation = evaluate(
            parsed.run,
            parsed.episodes,
            parsed.seed,
            parsed.env,
            parsed.max_steps,
            lambda p: show(p.ended, p.episodes, f"step {p.step:,} of the running episodes"),
            parsed.best,
        )
    if parsed.video:
        seed = _hardest_start(evaluation, parsed)
        total = record(parsed.run, parsed.video, parsed.member, seed, parsed.env, parsed.best)
        print(f"{parsed.video}: return {total:.2f}, from reset(seed={seed})")
    Console().print(evaluation_table(evaluation))
    if not has_scipy():
        print('IQM and interval need SciPy; install with: pip install "ddpg-stops[report]"')
    if parsed.json:
        write_file(parsed.json, json.dumps(evaluation.to_dict(), indent=2) + "\n")


def _watch(parsed: Namespace) -> None:
    """Show episodes in a window, and print the return of each."""
    returns = watch(parsed.run, parsed.member, parsed.seed, parsed.env, parsed.best)
    for number, total in zip(range(parsed.episodes), returns, strict=False):
        print(f"reset(seed={parsed.seed + number}): return {total:.2f}", flush=True)


def _hardest_start(evaluation: Evaluation, parsed: Namespace) -> int:
    """Return the seed of the member's episode with the lowest return."""
    own_seed = RunFolder(parsed.run).load_config(parsed.env).seed + parsed.member
    returns = next(each.returns for each in evaluation.members if each.seed == own_seed)
    return evaluation.first_seed + returns.index(min(returns))
