"""Write a policy as one file: `python scripts/export.py runs/NAME --output policy.onnx`."""

from collections.abc import Sequence
from pathlib import Path

from ddpg.cli.command import command
from ddpg.cli.imports import allow_current_folder
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.evaluation.export import export_policy
from ddpg.evaluation.policy import load_policy


@command("export")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the policy and return 0."""
    parsed = make_parser().parse_args(arguments)
    allow_current_folder([parsed.env])
    policy = load_policy(parsed.run, parsed.member, parsed.env, parsed.best)
    export_policy(policy, parsed.output)
    print(f"{parsed.output}: policy of member {parsed.member} at step {policy.step:,}")
    return 0


def make_parser() -> OneSentenceParser:
    """Return the parser of the command line."""
    parser = OneSentenceParser(prog=program("export"), description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument(
        "--best", action="store_true", help="the policy of the member's best evaluation"
    )
    parser.add_argument("--member", type=int, default=0, help="member of the run, from 0")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("policy.npz"),
        help="the file: .onnx, .pt2 (torch.export) or .npz (NumPy arrays)",
    )
    parser.add_argument(
        "--env",
        type=str | None,
        help="for a checkpoint of an earlier version with the env module:id, that name again",
    )
    return parser
