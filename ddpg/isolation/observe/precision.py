"""Conversion to float64, on a device that has it."""

import torch
from torch import Tensor


def in_float64(tensor: Tensor) -> Tensor:
    """Return `tensor` in float64, on the CPU if its device has no float64, as MPS."""
    try:
        return tensor.to(torch.float64)
    # MPS raises TypeError, some devices of Intel RuntimeError.
    except (TypeError, RuntimeError):
        return tensor.cpu().to(torch.float64)
