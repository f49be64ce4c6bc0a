"""Watches updates while they run, and leaves no trace in torch afterwards."""

from collections.abc import Iterable, Iterator
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

from ..contract import Contract, ContractError
from . import snapshots as looking
from .autograd import Engine, engine_replaced, sequence_number
from .inventory import Entry, Inventory, held_by, optimizers_of
from .ledger import Change, Ledger, copy_of
from .passes import Explainer, PassRecorder
from .records import BackwardPass, ForwardCall, OptimizerStep, UpdateRecord, Write
from .residue import Residue
from .restoring import Restorer
from .rows import assign_rows
from .stored import examine

_watching: list["Watcher"] = []


def term(name: str, loss: Tensor) -> Tensor:
    """Name a loss term before it is added to others; returns `loss` itself."""
    for watcher in _watching:
        watcher.terms[name] = loss
    return loss


class Watcher:
    """Sees what the updates inside its `with` block do, and records it.

    Args:
        contract: what to look at.
        dry_run: put everything back at the end.
        closely: look at the values around every forward call too, so that a write between
            forward and backward is seen wherever it comes from.
        explainer: is shown the graphs and the forward calls, to find paths in them.
    """

    def __init__(
        self,
        contract: Contract,
        dry_run: bool,
        closely: bool = True,
        explainer: Explainer | None = None,
    ) -> None:
        self.contract = contract
        self.closely = closely
        self.explainer = explainer
        self.records: list[UpdateRecord] = []
        self.terms: dict[str, Tensor] = {}
        self.inventory = Inventory(contract)
        self.setup_inventory = self.inventory
        self.optimizers = optimizers_of(contract)
        self.setup_stored = examine(contract.keeps)
        self.restorer = Restorer(self.inventory, contract.restores) if dry_run else None
        if self.restorer:
            for optimizer in self.optimizers.values():
                self.restorer.remember_optimizer(optimizer)
        self.ledger = Ledger(looking.primary(self.inventory))
        self._residue = Residue(self.inventory)
        self.record: UpdateRecord | None = None
        self._step: OptimizerStep | None = None
        self._labels: dict[int, str] = {}
        self._calls: list[ForwardCall | None] = []
        self._stack = ExitStack()
        self._inside_pass = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._restore)
            stack.enter_context(engine_replaced(self._wrapped))
            for handle in (
                register_optimizer_step_pre_hook(self._before_step),
                register_optimizer_step_post_hook(self._after_step),
                register_module_forward_pre_hook(self._before_forward),
                register_module_forward_hook(self._after_forward, always_call=True),
            ):
                stack.callback(handle.remove)
            _watching.append(self)
            stack.callback(_watching.remove, self)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _restore(self) -> None:
        if self.restorer:
            self.restorer.restore()

    @contextmanager
    def update(self, name: str) -> Iterator[None]:
        """Watch the block as a run of the update `name`.

        Raises:
            ContractError: the contract has no such update, or another one is still running.
        """
        if name not in self.contract.updates:
            known = ", ".join(repr(each) for each in self.contract.updates)
            raise ContractError(f"the contract has no update {name!r}; it has {known}")
        if self.record is not None:
            raise ContractError(f"update {name!r} began inside update {self.record.update!r}")
        record = self._begin(name)
        try:
            yield
        except Exception as error:
            record.error = error
            raise
        finally:
            self._end(record)

    def _begin(self, name: str) -> UpdateRecord:
        self.inventory = Inventory(self.contract)
        self.optimizers |= optimizers_of(self.contract)
        self._adopt()
        self.ledger.look()
        self._labels = looking.labels(self.inventory)
        self.terms.clear()
        record = UpdateRecord(name, self.inventory, self._held())
        record.start = dict(self.ledger.values)
        record.gradients_before = looking.gradients(self.inventory)
        record.required = looking.required(self.inventory)
        self.record = record
        self._calls = []
        return record

    def _end(self, record: UpdateRecord) -> None:
        self._note(self.ledger.look())
        record.end = dict(self.ledger.values)
        record.gradients_after = looking.gradients(self.inventory)
        record.required_after = looking.required(self.inventory)
        record.after = Inventory(self.contract)
        self.optimizers |= optimizers_of(self.contract)
        record.optimizers_after = self._held()
        record.stored = examine(self.contract.keeps)
        record.events += [Write(record.row, change) for change in looking.replaced(record)]
        assign_rows(record, self.contract)
        self.terms.clear()
        self.record, self._step = None, None
        self.records.append(record)

    def _held(self) -> dict[str, list[int]]:
        return {
            name: [id(tensor) for tensor in held_by(optimizer)]
            for name, optimizer in self.optimizers.items()
        }

    def _adopt(self) -> None:
        self.ledger.adopt(looking.primary(self.inventory))
        if self.restorer:
            self.restorer.remember(entry.tensor for entry in self.inventory.entries.values())

    def _note(self, changes: list[Change], call: ForwardCall | None = None) -> None:
        """Changes belong to the step that is running, or are writes (of a forward call)."""
        if self.record is None:
            return
        if self._step is not None:
            self._step.changes += changes
        else:
            self.record.events += [Write(self.record.row, change, call) for change in changes]

    def _wrapped(self, engine: Engine) -> Engine:
        self._engine = engine
        return self._backward

    def _backward(self, outputs: Any, *arguments: Any, **keywords: Any) -> Any:
        if self.record is None or self._inside_pass:
            return self._engine(outputs, *arguments, **keywords)
        self._note(self.ledger.look())
        seen = BackwardPass(self.record.row)
        self.record.events.append(seen)
        self._inside_pass = True
        try:
            return PassRecorder(
                self.record, self.ledger, self.terms, self._residue, self.explainer
            ).run(seen, self._engine, outputs, arguments, keywords)
        except Exception:
            seen.raised = True
            raise
        finally:
            self._inside_pass = False

    def _before_step(self, optimizer: Optimizer, *_: object) -> None:
        if self.record is None or self._step is not None:
            return
        self._note(self.ledger.look())
        name = self._name_of(optimizer)
        self.record.optimizers[name] = [id(tensor) for tensor in held_by(optimizer)]
        step = OptimizerStep(self.record.row, name)
        for group in optimizer.param_groups:
            for tensor in group["params"]:
                entry = self.inventory.entries.get(id(tensor))
                if entry is not None:
                    self._describe(step, entry, optimizer, group)
        self.record.events.append(step)
        self._step = step

    def _describe(
        self, step: OptimizerStep, entry: Entry, optimizer: Optimizer, group: dict[str, Any]
    ) -> None:
        key = id(entry.tensor)
        step.held.add(key)
        if entry.tensor.grad is not None:
            step.gradients[key] = copy_of(entry.tensor.grad)
            step.sources[key] = self._residue.sources(entry.tensor)
        if group.get("weight_decay"):
            step.decay.add(key)
        state = optimizer.state.get(entry.tensor, {})
        if any(
            isinstance(value, Tensor) and value.shape == entry.tensor.shape and value.any()
            for value in state.values()
        ):
            step.momentum.add(key)

    def _after_step(self, *_: object) -> None:
        if self._step is not None:
            self._note(self.ledger.look())
            self._step = None

    def _name_of(self, optimizer: Optimizer) -> str:
        self.optimizers |= optimizers_of(self.contract)  # the update may have made it anew
        if self.restorer:
            self.restorer.remember_optimizer(optimizer)
        for name, known in self.optimizers.items():
            if known is optimizer:
                return name
        name = f"unnamed {type(optimizer).__name__}"
        while name in self.optimizers:
            name += "'"
        self.optimizers[name] = optimizer
        return name

    def _before_forward(self, module: nn.Module, _: object) -> None:
        if self.record is None:
            return
        label = self._labels.get(id(module))
        if label is None:
            self._calls.append(None)
            return
        own = [p for p in module._parameters.values() if p is not None]
        if self.closely:
            self._look_at((*own, *module._buffers.values()))
        needing = sum(parameter.requires_grad for parameter in own)
        call = ForwardCall(
            label,
            module.training,
            torch.is_grad_enabled(),
            needing,
            len(own),
            first=sequence_number(),
            depth=len(self._calls),
            before=len(self.record.events),
        )
        self.record.calls.append(call)
        self._calls.append(call)

    def _after_forward(self, module: nn.Module, _: object, output: object) -> None:
        if self.record is None or not self._calls:
            return
        call = self._calls.pop()
        if call is not None:
            call.last = sequence_number()
            if self.explainer is not None:
                self.explainer.called(self.record, call, output)
            if self.closely:
                self._look_at(module._parameters.values())
            self._look_at(module._buffers.values(), call)

    def _look_at(self, tensors: Iterable[Tensor | None], call: ForwardCall | None = None) -> None:
        keys = [id(tensor) for tensor in tensors if id(tensor) in self.ledger.entries]
        if keys:
            self._note(self.ledger.look(keys), call)
