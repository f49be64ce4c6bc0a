"""Adam whose step does the arithmetic of `torch.optim.Adam` and little else."""

import math
from collections.abc import Callable
from inspect import unwrap
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import (
    Optimizer,
    ParamsT,
    _global_optimizer_post_hooks,
    _global_optimizer_pre_hooks,
)


class _Columns(NamedTuple):
    """Parameters, and what Adam remembers of each."""

    parameters: list[Tensor]
    moments: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]

    def with_gradient(self) -> "_Columns":
        """Those of the parameters that have one: at least one has."""
        rows = [row for row in zip(*self, strict=True) if row[0].grad is not None]
        return _Columns(*map(list, zip(*rows, strict=True)))


class Adam(torch.optim.Adam):
    """`torch.optim.Adam(fused=True)` to the bit, and its state; betas and epsilon are the defaults.

    For networks this small, what the library's step spends on records for a profiler, on grouping
    by device and on graph breaks is longer than the arithmetic. It breaks a compiled graph, too,
    which this one does not. Hooks are called as in the library.

    Args:
        groups: parameter groups.
        lr: step size.
    """

    # The library keeps these out of compiled graphs, in which they never stand here, and imports
    # the compiler to do so: a second, and some 70 MiB.
    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    state_dict = unwrap(torch.optim.Adam.state_dict)
    load_state_dict = unwrap(torch.optim.Adam.load_state_dict)

    def __init__(self, groups: ParamsT, lr: float):
        super().__init__(groups, lr=lr, fused=True)
        self._fill_columns()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """After a copy or a load, which replace the state's tensors."""
        super().__setstate__(state)
        self._fill_columns()

    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One step down the gradients that there are; a closure is not called."""
        del closure
        if self._has_hooks():
            _step_with_hooks(self)
        else:
            self._descend()

    # `torch.optim` leaves a method alone that says so; hooks are called above.
    vars(step)["hooked"] = True

    @torch.no_grad()
    def _descend(self) -> None:
        for group, columns, counts in zip(
            self.param_groups, self._columns, self._counts, strict=True
        ):
            gradients = [p.grad for p in columns.parameters if p.grad is not None]
            if not gradients:
                continue
            is_whole = len(gradients) == len(columns.parameters)
            held = columns if is_whole else columns.with_gradient()
            if torch.compiler.is_compiling():
                _descend_in_graph(held, gradients, group)
                continue
            # The kernels that the library arrives at; they have no public names.
            if is_whole:
                counts.add_(self._one)
            else:
                torch._foreach_add_(held.steps, 1)  # pyright: ignore[reportPrivateImportUsage]
            beta1, beta2 = group["betas"]
            torch._fused_adam_(  # pyright: ignore[reportPrivateImportUsage]
                held.parameters,
                gradients,
                held.moments,
                held.squares,
                [],
                held.steps,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _fill_columns(self) -> None:
        """A state for each parameter, in the form that the library gives its state.

        Raises:
            ValueError: what was loaded does not fit its parameter; the kernel would not look.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                if not self.state[parameter]:
                    self.state[parameter] = {
                        "step": torch.zeros((), device=parameter.device),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
                shapes = [self.state[parameter][name].shape for name in ("exp_avg", "exp_avg_sq")]
                if shapes != [parameter.shape] * 2:
                    raise ValueError(
                        f"a moment of shape {[*shapes[0]]} or {[*shapes[1]]} stands beside a "
                        f"parameter of shape {[*parameter.shape]}"
                    )
        # All steps of a group lie in one tensor, since counting them one by one takes as long as
        # Adam itself.
        self._counts = [
            torch.stack([self.state[p]["step"] for p in group["params"]])
            for group in self.param_groups
        ]
        for group, counts in zip(self.param_groups, self._counts, strict=True):
            for parameter, count in zip(group["params"], counts.unbind(), strict=True):
                self.state[parameter]["step"] = count
        self._columns = [
            _Columns(
                [*group["params"]],
                *(
                    [self.state[p][name] for p in group["params"]]
                    for name in ("exp_avg", "exp_avg_sq", "step")
                ),
            )
            for group in self.param_groups
        ]
        # Added to the counts: of a number, a tensor would be made each time.
        self._one = torch.ones((), device=self._counts[0].device)

    def _has_hooks(self) -> bool:
        return bool(
            _global_optimizer_pre_hooks
            or _global_optimizer_post_hooks
            or self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
        )


def _descend_in_graph(columns: _Columns, gradients: list[Tensor], group: dict[str, Any]) -> None:
    """Algorithm 1 of Kingma and Ba 2015 (arXiv:1412.6980), in the faster order of their section 2.

    Plain operations, which a compiler joins to what stands around them. Both corrections of the
    bias are in numbers of one parameter, not in its elements: the library's form has two powers
    and another quotient for each of those.
    """
    beta1, beta2 = group["betas"]
    steps = torch.stack(columns.steps).double() + 1
    # Written as an exponential, which the compiler reckons once and not where it is read.
    correction1 = 1 - torch.exp(steps * math.log(beta1))
    correction2 = (1 - torch.exp(steps * math.log(beta2))).sqrt()
    sizes = (group["lr"] * correction2 / correction1).float()
    epsilons = (group["eps"] * correction2).float()
    for index, (parameter, moment, square, count) in enumerate(zip(*columns, strict=True)):
        count += 1
        gradient = gradients[index]
        if group["weight_decay"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        moment.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        parameter.sub_(sizes[index] * (moment / (square.sqrt() + epsilons[index])))


_step_with_hooks = Optimizer.profile_hook_step(Adam._descend)
