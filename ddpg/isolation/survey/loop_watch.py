"""Watch of some cycles of the training loop of a script that runs."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any, Self

from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from ..contract import Contract, ContractError
from ..explain.recording import PathRecorder
from ..judge.verdicts import judge
from ..observe.autograd import Engine, engine_replaced
from ..observe.compiling import is_tracing
from ..observe.watcher import Watcher
from ..report import Report
from .discovery import Discovery, differing_twins, discover
from .survey import base_contract, survey_of
from .surveyor import Surveyor
from .walking import variables_of_frames

CYCLE = "cycle"
"""Name of the update of a survey without a contract."""


class ScriptError(Exception):
    """The script gives nothing to report. The message is one sentence."""


class LoopWatch:
    """Context manager that watches the loop of the script in its block.

    Attributes:
        complete: number of recorded cycles.
        failure: reason why the watch could not begin.
    """

    def __init__(
        self,
        after: int,
        cycles: int,
        proceed: bool,
        make_contract: Callable[[Discovery], Contract] | None,
    ) -> None:
        self._after, self._cycles, self._proceed = after, cycles, proceed
        self._make_contract = make_contract
        self.complete = 0
        self.failure: Exception | None = None
        self._steps = 0
        self._process = os.getpid()
        self._anchor: Optimizer | None = None
        self._differing: list[tuple[int, int]] = []
        self._cut_is_due = self._is_open = False
        self._waiting = ExitStack()
        self._watching = ExitStack()
        self._cycle = ExitStack()
        self._watcher: Watcher | None = None
        self._recorder: PathRecorder | None = None
        self._discovery: Discovery | None = None

    def __enter__(self) -> Self:
        for handle in (
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ):
            self._waiting.callback(handle.remove)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_open:
            self._end_cycle()
        self._watching.close()
        self._waiting.close()

    def report(self) -> Report:
        """Return the survey of the cycles, or the report under the contract."""
        assert self._watcher is not None
        assert self._recorder is not None
        assert self._discovery is not None
        if self._make_contract is not None:
            results = judge(self._watcher)
            results.notes += self._watcher.notes
            results.findings = self._recorder.explained(results.findings)
            routes = self._recorder.routes()
            return Report(self._watcher.contract, results, routes=routes)
        assert isinstance(self._recorder, Surveyor)
        names = {id(value): name for name, value in self._discovery.modules.items()}
        pairs = [
            (names[one], names[other])
            for one, other in self._differing
            if one in names and other in names
        ]
        survey = survey_of(self._watcher, self._recorder, self._discovery, unequal=pairs)
        survey.notes += self._watcher.notes
        return survey

    def shortfall(self) -> str:
        """Return the reason why fewer cycles than asked for were recorded."""
        if self._steps == 0:
            return "ended, and no optimizer made a step"
        if self._steps < self._after:
            steps = "1 optimizer step" if self._steps == 1 else f"{self._steps} optimizer steps"
            return f"ended after {steps}; allowed: --after up to that number"
        if self.complete == 0:
            return f"ended within the first cycle after step {self._after}; give a smaller --after"
        return f"ended after {self.complete} of {self._cycles} cycles"

    def _before_step(self, *_: object) -> None:
        if self._steps == 0 and os.getpid() == self._process:
            found = discover(*variables_of_frames(sys._getframe(1)))
            self._differing = differing_twins(found)

    def _after_step(self, optimizer: Optimizer, *_: object) -> None:
        if os.getpid() != self._process:  # a fork of the script
            return
        self._steps += 1
        if self._steps == self._after:
            self._anchor = optimizer
            self._begin(sys._getframe(1))
        self._cut_is_due |= optimizer is self._anchor

    def _begin(self, frame: FrameType) -> None:
        try:
            self._discovery = discover(*variables_of_frames(frame))
            contract = self._contract(self._discovery)
            self._watcher = Watcher(contract, dry_run=False, closely=False)
        except (ContractError, ScriptError) as error:
            self.failure = error
            raise SystemExit from error
        # Before the hooks of the watcher: a call that begins a cycle belongs to the cycle.
        handle = register_module_forward_pre_hook(self._before_forward)
        self._watching.callback(handle.remove)
        self._watching.enter_context(self._watcher)
        self._recorder = (
            Surveyor(self._watcher, uses=False)
            if self._make_contract is None
            else PathRecorder(self._watcher, uses=False, everything=True)
        )
        self._watching.enter_context(self._recorder)
        self._watching.enter_context(engine_replaced(self._wrapped))

    def _contract(self, discovery: Discovery) -> Contract:
        if self._make_contract is not None:
            return self._make_contract(discovery)
        if not discovery.modules:
            raise ScriptError("found no modules in the variables of the script")
        return base_contract(discovery, [CYCLE])

    def _before_forward(self, *_: object) -> None:
        if self._cut_is_due and not is_tracing():
            self._cut()

    def _wrapped(self, engine: Engine) -> Engine:
        def backward(*arguments: Any, **keywords: Any) -> Any:
            if self._cut_is_due and not is_tracing():
                self._cut()
            return engine(*arguments, **keywords)

        return backward

    def _cut(self) -> None:
        """End the running cycle and begin the next one."""
        if os.getpid() != self._process:
            return
        assert self._watcher is not None
        if self._is_open:
            self._end_cycle()
        self._cut_is_due = False
        if self.complete < self._cycles:
            name = next(iter(self._watcher.contract.updates))
            self._cycle.enter_context(self._watcher.update(name, directly=True))
            self._is_open = True
            return
        self._watching.close()
        self._waiting.close()
        if not self._proceed:
            raise SystemExit  # of the script: a thread prints nothing

    def _end_cycle(self) -> None:
        """End the running cycle; one that the script did not finish is dropped."""
        assert self._watcher is not None
        self._cycle.close()
        self._is_open = False
        if self._cut_is_due:
            self.complete += 1
        else:
            self._watcher.records.pop()
