"""Watcher: records what updates do, by hooks that it removes from torch afterwards."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from ..contract import Contract, ContractError, listed, not_allowed
from .autograd import Engine, engine_replaced, sequence_number
from .compiling import is_tracing, run_eagerly, uncompiled
from .gradient_sources import GradientSources
from .inventory import Entry, Inventory, held_by, optimizers_of
from .ledger import Change, Ledger, copy_of
from .old_graphs import OldGraphs
from .passes import Explainer, PassRecorder
from .records import BackwardPass, ForwardCall, OptimizerStep, UpdateRecord, Write
from .restoring import Restorer
from .rows import assign_rows
from .snapshots import gradients, replacements, requires_grad
from .stored import examine

_active: list["Watcher"] = []


def term(name: str, loss: Tensor) -> Tensor:
    """Name a loss term before it is added to others; return `loss`."""
    for watcher in _active:
        watcher.terms[name] = loss
    return loss


class Watcher:
    """Context manager that records the updates in its block.

    Args:
        contract: names the modules, optimizers and updates.
        dry_run: restore everything at the end.
        closely: also compare values before and after every forward call. This finds every write
            between a forward pass and its backward pass.
        explainer: receives the graphs and forward calls.

    Attributes:
        record: of the update that is running.
        records: of all updates that have run.
        terms: loss term of the running update → tensor.
        setup_inventory, setup_stored: modules, and faults of stored objects, at the beginning.
        notes: observations that break nothing.
    """

    def __init__(
        self,
        contract: Contract,
        dry_run: bool,
        closely: bool = True,
        explainer: Explainer | None = None,
    ) -> None:
        self.contract = contract
        self.explainer = explainer
        self.record: UpdateRecord | None = None
        self.records: list[UpdateRecord] = []
        self.terms: dict[str, Tensor] = {}
        self.notes: list[str] = []
        self.setup_inventory = self._inventory = Inventory(contract)
        self._optimizers = optimizers_of(contract)
        self.setup_stored = examine(contract.keeps)
        self._closely = closely
        self._restorer = Restorer(self._inventory, contract.restores) if dry_run else None
        if self._restorer:
            for optimizer in self._optimizers.values():
                self._restorer.remember_optimizer(optimizer)
        self._old_graphs = OldGraphs() if dry_run else None
        self._ledger = Ledger(self._inventory.primary())
        self._sources = GradientSources(self._inventory)
        self._step: OptimizerStep | None = None
        self._submodules: dict[int, tuple[str, str]] = {}
        self._calls: list[ForwardCall | None] = []
        self._stack = ExitStack()
        self._in_pass = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._restore)
            if self._restorer:
                stack.enter_context(run_eagerly())
            stack.enter_context(engine_replaced(self._wrapped))
            for handle in (
                register_optimizer_step_pre_hook(self._before_step),
                register_optimizer_step_post_hook(self._after_step),
                register_module_forward_pre_hook(self._before_forward),
                register_module_forward_hook(self._after_forward, always_call=True),
            ):
                stack.callback(handle.remove)
            _active.append(self)
            stack.callback(_active.remove, self)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def compare_after(self, functions: Mapping[str, object]) -> None:
        """After a dry run, add notes on the values that these functions changed for good."""
        if self._restorer:
            for name, function in functions.items():
                self._restorer.compare_after(name, function)

    def _restore(self) -> None:
        if self._restorer:
            self._restorer.restore()
            self.notes += self._restorer.notes

    @contextmanager
    def update(self, name: str) -> Iterator[None]:
        """Context manager that records its block as a run of the update `name`.

        Raises:
            ContractError: the contract has no such update, or another update is running.
        """
        if name not in self.contract.updates:
            raise not_allowed("update", name, listed(self.contract.updates))
        if self.record is not None:
            raise ContractError(
                f"update: {name!r} is not allowed inside the update {self.record.update!r}; "
                "allowed: one update after another"
            )
        record = self._begin(name)
        try:
            yield
        except Exception as error:
            record.error = error
            raise
        finally:
            self._end(record)

    def _begin(self, name: str) -> UpdateRecord:
        self._inventory = Inventory(self.contract)
        self._optimizers |= optimizers_of(self.contract)
        self._ledger.adopt(self._inventory.primary())
        if self._restorer:
            self._restorer.remember(entry.tensor for entry in self._inventory.entries.values())
        self._ledger.compare()
        self._submodules = self._inventory.submodules()
        self.terms.clear()
        record = UpdateRecord(name, self._inventory, self._held())
        record.start = dict(self._ledger.values)
        record.gradients_before = gradients(self._inventory)
        record.required = requires_grad(self._inventory)
        self.record = record
        self._calls = []
        return record

    def _end(self, record: UpdateRecord) -> None:
        self._add_changes(record, self._ledger.compare())
        record.end = dict(self._ledger.values)
        record.gradients_after = gradients(self._inventory)
        record.sources_after = self._sources.left(record)
        record.required_after = requires_grad(self._inventory)
        record.after = Inventory(self.contract)
        self._optimizers |= optimizers_of(self.contract)
        record.optimizers_after = self._held()
        record.stored = examine(self.contract.keeps)
        record.events += [Write(record.row, change) for change in replacements(record)]
        assign_rows(record, self.contract)
        self.terms.clear()
        self.record, self._step = None, None
        self.records.append(record)

    def _held(self) -> dict[str, list[int]]:
        """Return optimizer → identities of the tensors that it holds."""
        return {
            name: [id(tensor) for tensor in held_by(optimizer)]
            for name, optimizer in self._optimizers.items()
        }

    def _add_changes(
        self, record: UpdateRecord, changes: list[Change], call: ForwardCall | None = None
    ) -> None:
        """Add changes to the running step, else as writes (of a forward call)."""
        if self._step is not None:
            self._step.changes += changes
        else:
            record.events += [Write(record.row, change, call) for change in changes]

    def _wrapped(self, engine: Engine) -> Engine:
        def backward(outputs: Any, *arguments: Any, **keywords: Any) -> Any:
            if self.record is None or self._in_pass or is_tracing():
                return engine(outputs, *arguments, **keywords)
            return self._run_pass(self.record, engine, outputs, arguments, keywords)

        return backward

    @uncompiled
    def _run_pass(
        self, record: UpdateRecord, engine: Engine, outputs: Any, arguments: Any, keywords: Any
    ) -> Any:
        self._add_changes(record, self._ledger.compare())
        backward = BackwardPass(record.row)
        record.events.append(backward)
        recorder = PassRecorder(
            record, self._ledger, self.terms, self._sources, self.explainer, self._old_graphs
        )
        self._in_pass = True
        try:
            return recorder.run(backward, engine, outputs, arguments, keywords)
        except Exception:
            backward.raised = True
            raise
        finally:
            self._in_pass = False

    @uncompiled
    def _before_step(self, optimizer: Optimizer, *_: object) -> None:
        if self.record is None or self._step is not None:
            return
        self._add_changes(self.record, self._ledger.compare())
        name = self._name_of(optimizer)
        self.record.optimizers[name] = [id(tensor) for tensor in held_by(optimizer)]
        step = OptimizerStep(self.record.row, name)
        for group in optimizer.param_groups:
            for tensor in group["params"]:
                entry = self._inventory.entries.get(id(tensor))
                if entry is not None:
                    self._describe(step, entry, optimizer, group)
        self.record.events.append(step)
        self._step = step

    def _describe(
        self, step: OptimizerStep, entry: Entry, optimizer: Optimizer, group: dict[str, Any]
    ) -> None:
        """Add an entry that the optimizer holds to the step."""
        key = id(entry.tensor)
        step.held.add(key)
        if entry.tensor.grad is not None:
            step.gradients[key] = copy_of(entry.tensor.grad)
            step.sources[key] = self._sources.of(entry.tensor)
        if group.get("weight_decay"):
            step.decay.add(key)
        state = optimizer.state.get(entry.tensor, {})
        if any(
            isinstance(value, Tensor) and value.shape == entry.tensor.shape and value.any()
            for value in state.values()
        ):
            step.momentum.add(key)

    @uncompiled
    def _after_step(self, *_: object) -> None:
        if self.record is not None and self._step is not None:
            self._add_changes(self.record, self._ledger.compare())
            self._step = None

    def _name_of(self, optimizer: Optimizer) -> str:
        self._optimizers |= optimizers_of(self.contract)  # the update may have replaced it
        if self._restorer:
            self._restorer.remember_optimizer(optimizer)
        for name, known in self._optimizers.items():
            if known is optimizer:
                return name
        name = f"unnamed {type(optimizer).__name__}"
        while name in self._optimizers:
            name += "'"
        self._optimizers[name] = optimizer
        return name

    def _before_forward(self, module: nn.Module, _: object) -> None:
        if self.record is not None and not is_tracing():
            self._begin_call(self.record, module)

    @uncompiled
    def _begin_call(self, record: UpdateRecord, module: nn.Module) -> None:
        place = self._submodules.get(id(module))
        if place is None:
            self._calls.append(None)
            return
        own = [p for p in module._parameters.values() if p is not None]
        if self._closely:
            self._compare(record, (*own, *module._buffers.values()))
        call = ForwardCall(
            *place,
            training=module.training,
            grad_enabled=torch.is_grad_enabled(),
            needing_grad=sum(parameter.requires_grad for parameter in own),
            own=len(own),
            first=sequence_number(),
            depth=len(self._calls),
            before=len(record.events),
        )
        record.calls.append(call)
        self._calls.append(call)

    def _after_forward(self, module: nn.Module, _: object, output: object) -> None:
        if self.record is not None and self._calls and not is_tracing():
            self._end_call(self.record, module, output)

    @uncompiled
    def _end_call(self, record: UpdateRecord, module: nn.Module, output: object) -> None:
        call = self._calls.pop()
        if call is not None:
            call.last = sequence_number()
            if self.explainer is not None:
                self.explainer.called(record, call, output)
            if self._closely:
                self._compare(record, module._parameters.values())
            self._compare(record, module._buffers.values(), call)

    def _compare(
        self,
        record: UpdateRecord,
        tensors: Iterable[Tensor | None],
        call: ForwardCall | None = None,
    ) -> None:
        keys = [id(tensor) for tensor in tensors if id(tensor) in self._ledger.entries]
        if keys:
            self._add_changes(record, self._ledger.compare(keys), call)
