"""Adam with the arithmetic of `torch.optim.Adam` and little else."""

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
    """Parameters and their Adam state, as parallel lists."""

    parameters: list[Tensor]
    moments: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]

    def with_gradient(self) -> "_Columns":
        """Return the columns of the parameters that have a gradient; at least one must."""
        rows = [row for row in zip(*self, strict=True) if row[0].grad is not None]
        return _Columns(*map(list, zip(*rows, strict=True)))


class Adam(torch.optim.Adam):
    """Bit-identical to `torch.optim.Adam(fused=True)`, with the same state and default betas.

    In small networks, the library's step spends more time on profiler records, grouping by device
    and graph breaks than on arithmetic. It also breaks compiled graphs. Hooks are called as in the
    library.

    Args:
        groups: parameters, or parameter groups.
        lr: step size.
    """

    # The library keeps these methods out of compiled graphs and imports the compiler for that,
    # which takes a second and 70 MiB. No graph here calls them.
    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    state_dict = unwrap(torch.optim.Adam.state_dict)
    load_state_dict = unwrap(torch.optim.Adam.load_state_dict)

    _rate: Tensor | None = None
    """Step size in float64, for a graph, which has numbers as constants; None: that of the group.
    """

    def __init__(self, groups: ParamsT, lr: float):
        super().__init__(groups, lr=lr, fused=True)
        self._collect_columns()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the state after a copy or a load, which replace its tensors."""
        super().__setstate__(state)
        self._collect_columns()

    def set_rate(self, rate: float) -> None:
        """Set the step size; a compiled graph reads it if this is called before it is compiled."""
        for group in self.param_groups:
            group["lr"] = rate
        if self._rate is None:
            device = self._counts[0].device
            self._rate = torch.zeros((), dtype=torch.float64, device=device)
        self._rate.fill_(rate)

    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Take one step for the parameters that have a gradient; `closure` is ignored."""
        del closure
        if self._has_hooks():
            _step_with_hooks(self)
        else:
            self._step()

    # Keeps `torch.optim` from wrapping the method; hooks are called above.
    vars(step)["hooked"] = True

    @torch.no_grad()
    def _step(self) -> None:
        for group, columns, counts in zip(
            self.param_groups, self._columns, self._counts, strict=True
        ):
            gradients = [p.grad for p in columns.parameters if p.grad is not None]
            if not gradients:
                continue
            is_whole = len(gradients) == len(columns.parameters)
            held = columns if is_whole else columns.with_gradient()
            if torch.compiler.is_compiling():
                _step_in_graph(held, gradients, group, self._rate)
                continue
            # The kernels that the library calls; they have no public names.
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

    def _collect_columns(self) -> None:
        """Collect the state of each parameter, in the library's form; create missing states.

        Raises:
            ValueError: a loaded state does not fit its parameter, which the kernel does not check.
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
                        f"cannot load the state of Adam: moments have the shapes {[*shapes[0]]} "
                        f"and {[*shapes[1]]}; allowed: the parameter's, {[*parameter.shape]}"
                    )
        # One tensor has all steps of a group: counting them one by one takes as long as Adam.
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
        # Added to the counts. A Python number would be converted to a tensor each time.
        self._one = torch.ones((), device=self._counts[0].device)

    def _has_hooks(self) -> bool:
        return bool(
            _global_optimizer_pre_hooks
            or _global_optimizer_post_hooks
            or self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
        )


def _step_in_graph(
    columns: _Columns, gradients: list[Tensor], group: dict[str, Any], rate: Tensor | None
) -> None:
    """Take a step of plain operations, which the compiler fuses with those around them.

    Algorithm 1 of Kingma and Ba 2015 (arXiv:1412.6980), in the faster order of their section 2.
    Bias corrections are computed once per parameter; the library computes two powers and one more
    quotient per element.
    """
    beta1, beta2 = group["betas"]
    steps = torch.stack(columns.steps).double() + 1
    # As an exponential, since the compiler would repeat a power wherever it is used.
    correction1 = 1 - torch.exp(steps * math.log(beta1))
    correction2 = (1 - torch.exp(steps * math.log(beta2))).sqrt()
    sizes = ((group["lr"] if rate is None else rate) * correction2 / correction1).float()
    epsilons = (group["eps"] * correction2).float()
    for index, (parameter, moment, square, count) in enumerate(zip(*columns, strict=True)):
        count += 1
        gradient = gradients[index]
        if group["weight_decay"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        moment.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        parameter.sub_(sizes[index] * (moment / (square.sqrt() + epsilons[index])))


_step_with_hooks = Optimizer.profile_hook_step(Adam._step)
