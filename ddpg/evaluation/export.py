"""A policy as one file that needs neither this package nor its environment.

Every format maps `[batch, *observation]` in float32 to `[batch, action]` in the units and dtype of
the action space.
"""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ddpg.config.fields import refusal
from ddpg.environments.statistics import has_statistics
from ddpg.errors import ConfigError, ExportError, RunWarning
from ddpg.evaluation.policy import Policy
from ddpg.isolation.extras import require_extra
from ddpg.normalization.agent import NormalizedActor
from ddpg.runs.files import require_output, write_file

_CHECKED = 64
"""Random observations on which an exported policy is compared with the original."""
_TOLERANCE = 1e-4
"""Largest difference of an action, in half-ranges."""


class PolicyModule(nn.Module):
    """Actor of one member with the scaling of its actions.

    Args:
        policy: the policy.
    """

    center: Tensor
    half_range: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, policy: Policy):
        super().__init__()
        self.actor = deepcopy(policy.actor).requires_grad_(False)
        self.width = policy.spaces.observation_dim
        self.dtype = torch.from_numpy(policy.spaces.action_low).dtype
        for name in ("center", "half_range", "low", "high"):
            self.register_buffer(name, torch.from_numpy(getattr(policy.spaces.scale, name)))

    def forward(self, observation: Tensor) -> Tensor:
        flat = observation.reshape(1, observation.shape[0], self.width)
        scaled = self.center + self.half_range * self.actor(flat)[0].double()
        # Rounding can exceed the bounds, which environments check.
        return scaled.maximum(self.low).minimum(self.high).to(self.dtype)


def export_policy(policy: Policy, file: Path) -> None:
    """Write a policy as `.onnx`, `.pt2` (torch.export) or `.npz` (arrays).

    An `.onnx` or `.pt2` is run on random observations before it is written, and its actions are
    compared with those of `policy`.

    Args:
        policy: result of `load_policy`.
        file: the file; its suffix chooses the format.

    Raises:
        ConfigError: the format is unknown.
        ExportError: the policy cannot be exported.
        MissingExtraError: the extra `export` is missing, which `.onnx` needs.
        OSError: the file cannot be written.
    """
    if file.suffix not in _FORMATS:
        allowed = f"a name that ends in {', '.join(_FORMATS)}"
        raise ConfigError(refusal("output", str(file), allowed))
    require_output(file)
    if has_statistics(policy.statistics):
        warnings.warn(
            f"{file} does not contain the statistics of the normalizing wrappers of {policy.env}: "
            "its input is an observation that these wrappers return",
            RunWarning,
            stacklevel=2,
        )
    write_file(file, _FORMATS[file.suffix](policy))


def _onnx(policy: Policy) -> bytes:
    require_extra("export", "export to .onnx", "onnx", "onnxscript", "onnxruntime")
    import onnxruntime

    exported = _exported(policy)
    names: dict[str, Any] = {"input_names": ["observation"], "output_names": ["action"]}
    with _quiet():
        model: Any = torch.onnx.export(exported, dynamo=True, verbose=False, **names)
    content = model.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    _compare(policy, lambda observation: session.run(None, {"observation": observation})[0])
    return content


def _torch(policy: Policy) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(_exported(policy), buffer)
    loaded = torch.export.load(io.BytesIO(buffer.getvalue())).module()
    _compare(policy, lambda observation: loaded(torch.from_numpy(observation)).numpy())
    return buffer.getvalue()


def _arrays(policy: Policy) -> bytes:
    network: Any = policy.actor
    constants = {}
    if isinstance(network, NormalizedActor):
        names = ("mean", "factor")
        constants = {f"observation_{n}": _array(getattr(network.constants, n)[0, 0]) for n in names}
        network = network.actor
    layers = network.layers
    arrays: dict[str, Any] = {
        "action_low": policy.spaces.action_low,
        "action_high": policy.spaces.action_high,
        **constants,
        **{f"weight_{index}": _array(layer.weight[0]) for index, layer in enumerate(layers)},
        **{f"bias_{index}": _array(layer.bias[0, 0]) for index, layer in enumerate(layers)},
    }
    arrays["activation"] = network.activation
    for index, norm in enumerate(network.norms):
        arrays[f"norm_weight_{index}"] = _array(norm.get_parameter("weight")[0, 0])
        arrays[f"norm_bias_{index}"] = _array(norm.get_parameter("bias")[0, 0])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _exported(policy: Policy) -> torch.export.ExportedProgram:
    example = torch.zeros(2, *policy.spaces.observation_shape)
    sizes = {"observation": {0: torch.export.Dim("batch")}}
    module = PolicyModule(policy).eval()
    program = torch.export.export(module, (example,), dynamic_shapes=sizes)
    for node in program.graph.nodes:
        # Paths of files on this machine.
        node.meta.pop("stack_trace", None)
    return program


@contextmanager
def _quiet() -> Iterator[None]:
    """Context manager: hide the exporter's notes on operators of torchvision, and its warnings."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            yield
    finally:
        registration.setLevel(level)


def _compare(policy: Policy, act: Callable[[NDArray[np.float32]], Any]) -> None:
    """Raise an ExportError if the actions of an exported policy differ from those of `policy`."""
    shape = (_CHECKED, *policy.spaces.observation_shape)
    observation = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    if isinstance(policy.actor, NormalizedActor):
        mean, factor = (_array(each)[0, 0] for each in policy.actor.constants.buffers())
        spread = observation.reshape(_CHECKED, -1) / factor + mean
        observation = spread.reshape(shape)
    difference = np.abs(act(observation) - policy(observation)) / policy.spaces.scale.half_range
    if not difference.max() <= _TOLERANCE:
        raise ExportError(
            f"cannot export the policy: the exported actions differ by {difference.max():g} "
            f"half-ranges; allowed: up to {_TOLERANCE:g}"
        )


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().numpy()


_FORMATS: dict[str, Callable[[Policy], bytes]] = {".onnx": _onnx, ".pt2": _torch, ".npz": _arrays}
