"""Execution of the lesson's code, one namespace per chapter."""

import io
import linecache
from contextlib import redirect_stdout
from typing import Any

import torch

from ddpg.tutorial.blocks import Code

SETUP = """\
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.optim import SGD


def two_layers():
    torch.manual_seed(0)
    L1, L2 = nn.Linear(2, 2), nn.Linear(2, 1)
    return L1, L2, torch.randn(4, 2), torch.randn(4, 1)"""
"""First code of the lesson, and of each namespace."""


class Namespace:
    """Names that the code of a chapter has defined so far.

    Attributes:
        names: name -> value, at first those of `SETUP`.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.run(SETUP)

    def run(self, source: str) -> Code:
        """Execute `source` with the chapter's names, and return it with its output.

        The random state of torch is the same afterwards.
        """
        # The audit shows lines of code, which it reads from the cache of lines.
        linecache.cache["cell"] = (len(source), None, source.splitlines(keepends=True), "cell")
        printed = io.StringIO()
        with torch.random.fork_rng(devices=[]), redirect_stdout(printed):
            exec(compile(source, "cell", "exec"), self.names)
        return Code(source, printed.getvalue().rstrip())
