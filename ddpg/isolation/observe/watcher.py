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
from .inventory import Inventory
from .ledger import Change, Ledger
from .old_graphs import OldGraphs
from .optimizers import delegates_among, held_by, name_of, optimizers_of
from .passes import Explainer, PassRecorder
from .records import BackwardPass, ForwardCall, OptimizerStep, UpdateRecord, Write
from .repeats import Repeats
from .restoring import Restorer
from .rows import assign_rows
from .snapshots import gradients, replacements, requires_grad
from .steps import Closure, describe_step, replace_closure
from .stored import MAX_VALUES, StoredSearch
from .terms import Term, hooks_wrapped

_active: list["Watcher"] = []


def term(name: str, loss: Tensor) -> Tensor:
    """Name a loss term before it is added to others; return `loss`."""
    for watcher in _active:
        watcher.terms.setdefault(name, []).append(Term(loss))
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
        terms: loss term of the running update → its tensors.
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
        self.terms: dict[str, list[Term]] = {}
        self.notes: list[str] = []
        self.setup_inventory = self._inventory = Inventory(contract)
        self._optimizers = optimizers_of(contract)
        self._stored_search = StoredSearch(contract.keeps)
        self.setup_stored = self._stored_faults()
        self._closely = closely
        self._restorer = Restorer(self._inventory, contract.restores) if dry_run else None
        if self._restorer:
            for optimizer in self._optimizers.values():
                self._restorer.remember_optimizer(optimizer)
        self._old_graphs = OldGraphs() if dry_run else None
        self._ledger = Ledger(self._inventory.primary())
        self._sources = GradientSources(self._inventory)
        self._step: OptimizerStep | None = None
        self._stepping: Optimizer | None = None
        self._submodules: dict[int, tuple[str, str]] = {}
        self._calls: list[ForwardCall | None] = []
        self._stack = ExitStack()
        self._recorder: PassRecorder | None = None
        self._repeats: Repeats | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._restore)
            if self._restorer:
                stack.enter_context(run_eagerly())
            stack.enter_context(engine_replaced(self._wrapped))
            stack.enter_context(hooks_wrapped())
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
    def update(self, name: str, directly: bool = False) -> Iterator[None]:
        """Context manager that records its block as a run of the update `name`.

        Args:
            directly: no code of the user ran since the update before it ended.

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
        record = self._begin(name, directly)
        try:
            yield
        except Exception as error:
            record.error = error
            raise
        finally:
            self._end(record)

    def _begin(self, name: str, directly: bool) -> UpdateRecord:
        before = self.records[-1] if directly and self.records else None
        if before is not None and before.after is not None and before.keeps_its_tensors():
            self._inventory = before.after
            record = UpdateRecord(name, before.after, dict(before.optimizers_after))
            record.gradients_before, record.required = before.gradients_after, before.required_after
        else:
            self._examine()
            record = UpdateRecord(name, self._inventory, self._held())
            record.gradients_before = gradients(self._inventory)
            record.required = requires_grad(self._inventory)
        record.start = dict(self._ledger.values)
        self.terms.clear()
        self.record = record
        self._repeats = Repeats(record)
        self._calls = []
        return record

    def _examine(self) -> None:
        """List the tensors of the modules, and compare them."""
        self._inventory = Inventory(self.contract)
        self._optimizers |= optimizers_of(self.contract)
        self._ledger.adopt(self._inventory.primary())
        if self._restorer:
            self._restorer.remember(entry.tensor for entry in self._inventory.entries.values())
        self._ledger.compare()
        self._submodules = self._inventory.submodules()

    def _end(self, record: UpdateRecord) -> None:
        self._add_changes(record, self._ledger.compare())
        record.end = dict(self._ledger.values)
        record.gradients_after = gradients(self._inventory)
        record.required_after = requires_grad(self._inventory)
        record.after = Inventory(self.contract)
        self._optimizers |= optimizers_of(self.contract)
        record.optimizers_after = self._held()
        record.delegates = delegates_among(self._optimizers)
        record.stored = self._stored_faults()
        record.events += [Write(record.row, change) for change in replacements(record)]
        assign_rows(record, self.contract)
        self.terms.clear()
        self.record = self._step = self._stepping = None
        self.records.append(record)

    def _stored_faults(self) -> dict[str, dict[int, str]]:
        stored = self._stored_search.run()
        for name in stored.partial:
            note = f"keeps[{name!r}] has more than {MAX_VALUES:,} values: the rest was not searched"
            if note not in self.notes:
                self.notes.append(note)
        return stored.faults

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
            if self.record is None or is_tracing():
                return engine(outputs, *arguments, **keywords)
            if self._recorder is not None:
                return self._recorder.run_inner(engine, outputs, arguments, keywords)
            return self._run_pass(self.record, engine, outputs, arguments, keywords)

        return backward

    @uncompiled
    def _run_pass(
        self, record: UpdateRecord, engine: Engine, outputs: Any, arguments: Any, keywords: Any
    ) -> Any:
        self._add_changes(record, self._ledger.compare())
        if self._repeats is not None and self._step is None and not self._calls:
            self._repeats.end_group()
        backward = BackwardPass(record.row)
        record.events.append(backward)
        self._recorder = PassRecorder(
            record,
            backward,
            self._ledger,
            self.terms,
            self._sources,
            self.explainer,
            self._old_graphs,
        )
        try:
            return self._recorder.run(engine, outputs, arguments, keywords)
        except Exception:
            backward.raised = True
            raise
        finally:
            self._recorder = None

    @uncompiled
    def _before_step(
        self, optimizer: Optimizer, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if self.record is None:
            return None
        if self._step is not None:  # an optimizer around this one steps it
            if self._restorer:
                self._restorer.remember_optimizer(optimizer)
            return None
        self._add_changes(self.record, self._ledger.compare())
        name = self._name_of(optimizer)
        self.record.optimizers[name] = [id(tensor) for tensor in held_by(optimizer)]
        step = OptimizerStep(self.record.row, name)
        describe_step(step, optimizer, self._inventory, self._sources)
        self.record.events.append(step)
        self._step, self._stepping = step, optimizer
        return replace_closure(arguments, keywords, self._run_closure)

    def _run_closure(self, closure: Closure) -> Any:
        """Run the closure of the running step as the user's code, with the passes in it."""
        record, step, optimizer = self.record, self._step, self._stepping
        if record is None or step is None or optimizer is None:
            return closure()
        step.changes += self._ledger.compare()
        if not step.changes:  # the closure replaces the gradients from before
            step.gradients.clear()
            step.sources.clear()
        self._step = None
        try:
            return closure()
        finally:
            self._add_changes(record, self._ledger.compare())
            self._step, self._stepping = step, optimizer
            describe_step(step, optimizer, self._inventory, self._sources)
            # The step applies the gradients of the closure's passes: it comes after them.
            record.events.remove(step)
            record.events.append(step)

    @uncompiled
    def _after_step(self, optimizer: Optimizer, *_: object) -> None:
        # An optimizer around another one steps it: that is one step.
        if self.record is not None and self._step is not None and optimizer is self._stepping:
            self._add_changes(self.record, self._ledger.compare())
            self._step = self._stepping = None

    def _name_of(self, optimizer: Optimizer) -> str:
        self._optimizers |= optimizers_of(self.contract)  # the update may have replaced it
        if self._restorer:
            self._restorer.remember_optimizer(optimizer)
        assert self.record is not None
        parts = self.contract.updates[self.record.update].split
        known = name_of(optimizer, self._optimizers, parts)
        if known is not None:
            return known
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
