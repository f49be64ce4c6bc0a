"""The audit computes norms in float64 also of tensors on a device without float64."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ddpg.isolation.judge.facts import norm, norm_by_member
from ddpg.isolation.observe.gradient_sources import is_multiple
from ddpg.isolation.observe.precision import in_float64
from ddpg.training.separation import measure
from tests.parts import make_agent, random_batch


class SingleTensor(Tensor):
    """Tensor of a device without float64, as MPS; a copy on the CPU is a plain tensor."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        names = ("double", "to")
        if func.__name__ in names and (func.__name__ == "double" or torch.float64 in args):
            raise TypeError("the MPS framework doesn't support float64")
        result: Any = super().__torch_function__(func, types, args, kwargs or {})
        return result.as_subclass(Tensor) if func.__name__ == "cpu" else result


def on_such_a_device(tensor: Tensor) -> Tensor:
    """Return the tensor as one of the device."""
    return tensor.as_subclass(SingleTensor)


def test_a_tensor_without_float64_is_converted_on_the_cpu() -> None:
    tensor = on_such_a_device(torch.tensor([1.0, 2.0]))
    for convert in (Tensor.double, lambda each: each.to(torch.float64)):
        with pytest.raises(TypeError, match="float64"):
            convert(tensor)
    assert in_float64(tensor).dtype == torch.float64
    assert type(in_float64(tensor)) is Tensor
    assert in_float64(tensor).tolist() == [1.0, 2.0]


def test_the_norms_of_the_audit_need_no_float64_on_the_device() -> None:
    plain = torch.tensor([[3.0, 4.0], [6.0, 8.0]])
    tensor = on_such_a_device(plain)
    assert norm([tensor]) == norm([plain])
    assert norm_by_member([tensor], 2).tolist() == norm_by_member([plain], 2).tolist() == [5, 10]
    assert is_multiple(tensor, on_such_a_device(2 * plain))


def test_an_audit_of_a_training_needs_no_double(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_: Tensor) -> Tensor:
        raise TypeError("the MPS framework doesn't support float64")

    agent, batch = make_agent(members=2), random_batch(2, 0)
    expected = measure(agent, batch)
    monkeypatch.setattr(Tensor, "double", refuses)
    values = measure(agent, batch).values
    assert all((values[key] == expected.values[key]).all() for key in values if "norm" not in key)
