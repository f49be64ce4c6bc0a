"""Hash of each member's weights, to compare two runs quickly."""

import hashlib
from collections.abc import Mapping

from torch import nn


def hash_weights(modules: Mapping[str, nn.Module], members: int) -> list[str]:
    """Return the SHA-256 of all parameters of `modules`, names and bits, per member.

    Args:
        modules: networks by name, with parameters `[member, ...]`.
        members: number of members.
    """
    hashes = [hashlib.sha256() for _ in range(members)]
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            rows = value.cpu().contiguous().numpy()
            for member, each in enumerate(hashes):
                each.update(f"{name}.{key}".encode())
                each.update(rows[member].tobytes())
    return [each.hexdigest() for each in hashes]
