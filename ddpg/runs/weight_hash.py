"""A hash of a member's weights, by which two runs are told apart in a second."""

import hashlib
from collections.abc import Mapping

from torch import nn


def fingerprints(modules: Mapping[str, nn.Module], members: int) -> list[str]:
    """SHA-256 of every parameter of `modules`, names and bits, one a member.

    Args:
        modules: networks whose parameters are `[member, ...]`, by name.
        members: how many.
    """
    hashes = [hashlib.sha256() for _ in range(members)]
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            rows = value.cpu().contiguous().numpy()
            for member, each in enumerate(hashes):
                each.update(f"{name}.{key}".encode())
                each.update(rows[member].tobytes())
    return [each.hexdigest() for each in hashes]
