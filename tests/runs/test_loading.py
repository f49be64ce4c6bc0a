"""Tensors of a crafted file are rebuilt, or refused before they take memory."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ddpg.errors import StateError
from ddpg.runs.loading import load_plain


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


SHARED = torch.arange(6.0)
REBUILT = {
    "expanded": (lambda: torch.ones(1).expand(6), torch.ones(6)),
    "transposed": (lambda: torch.arange(6.0).reshape(2, 3).T, torch.arange(6.0).reshape(2, 3).T),
    "negated view": (
        lambda: torch.complex(torch.zeros(3), torch.arange(3.0)).conj().imag,
        -torch.arange(3.0),
    ),
    "requires grad": (lambda: torch.ones(2).requires_grad_(), torch.ones(2)),
    "parameter": (lambda: torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
    "a piece of a storage": (lambda: torch.arange(6.0)[2:4], torch.arange(2.0, 4.0)),
    "conjugated": (lambda: torch.tensor([1 + 2j]).conj(), torch.tensor([1 - 2j])),
}


@pytest.mark.parametrize("name", REBUILT)
def test_a_tensor_is_rebuilt_dense_with_its_own_memory(name: str):
    make, expected = REBUILT[name]
    (value,) = load_plain(saved([make()]))
    assert torch.equal(value, expected)
    assert type(value) is torch.Tensor
    assert value.is_contiguous()
    assert not any([value.requires_grad, value.is_neg(), value.is_conj()])
    assert value.untyped_storage().nbytes() == value.numel() * value.element_size()


def test_two_names_of_one_tensor_become_two_tensors():
    first, second = load_plain(saved([SHARED, SHARED]))
    first.zero_()
    assert torch.equal(second, SHARED)


def compressed() -> bytes:
    source, target = zipfile.ZipFile(io.BytesIO(saved(torch.zeros(100_000)))), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in source.infolist():
            archive.writestr(entry.filename, source.read(entry))
    return target.getvalue()


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "meta": (lambda: saved(torch.zeros(2, device="meta")), "allowed: dense tensors with data"),
    "sparse": (lambda: saved(torch.eye(3).to_sparse()), "allowed: dense tensors with data"),
    "1e11 rows of stride 0": (
        lambda: saved(torch.zeros(1).expand(10**11)),
        "more elements than the file has bytes",
    ),
    "many rows together": (
        lambda: saved([torch.zeros(1).expand(1000 + number) for number in range(1000)]),
        "more elements than the file has bytes",
    ),
    "compressed": (compressed, "it is compressed"),
    "an object": (lambda: saved({"module": torch.nn.Linear(1, 1)}), "more than tensors and plain"),
    "not an archive": (lambda: b"\x80\x02]q\x00.", "not an archive that torch.save wrote"),
    "cut": (lambda: saved(torch.zeros(100))[:-30], "not an archive that torch.save wrote"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused_in_a_sentence(name: str):
    make, message = REFUSED[name]
    with pytest.raises(StateError, match=message):
        load_plain(make())


def test_plain_values_are_kept():
    value = {"step": 3, "names": ["a", ("b", 1.5)], "rows": {0: torch.ones(2)}}
    loaded = load_plain(saved(value))
    assert torch.equal(loaded["rows"][0], torch.ones(2))
    assert {**loaded, "rows": None} == {**value, "rows": None}
