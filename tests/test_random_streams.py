"""Tests that numbers drawn ahead, and states, equal those of one call per step."""

from typing import Any

import numpy as np
import pytest

from ddpg.random_streams import Draw, Indices, Normal, Stream, Uniform

MEMBERS = 3


def generators() -> list[np.random.Generator]:
    created = [np.random.default_rng(seed) for seed in range(MEMBERS)]
    for generator in created:
        # An odd number of half words, so that the generator buffers the other half.
        generator.integers(10, size=3)
    return created


def normal(generator: np.random.Generator, _member: int, _step: int) -> np.ndarray:
    return generator.standard_normal(2)


def uniform(generator: np.random.Generator, _member: int, _step: int) -> np.ndarray:
    return generator.uniform(-1, 1, 2)


def indices(generator: np.random.Generator, member: int, step: int) -> np.ndarray:
    size = min(40 + step, 100)
    return generator.integers(member * 100, member * 100 + size, 5)


CASES = {
    "normal": (normal, lambda _step: Normal(2)),
    "uniform": (uniform, lambda _step: Uniform(2)),
    "indices": (indices, lambda step: Indices(40 + step, 100, 5)),
}


@pytest.mark.parametrize("steps", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("case", CASES)
def test_stream_equals_one_call_per_step(case, steps):
    single, draw = CASES[case]
    alone, stream = generators(), Stream(generators())
    for step in range(steps):
        expected = [single(generator, m, step) for m, generator in enumerate(alone)]
        assert np.array_equal(stream.take(draw(step)), expected)
    assert stream.state_dict() == Stream(alone).state_dict()


@pytest.mark.parametrize(("each_step", "calls"), [(1, 9), (0, 200)])
def test_expected_steps_are_drawn_together(monkeypatch, each_step, calls):
    numbers, called = Indices.numbers, []

    def counted(self: Indices, *args: Any) -> list[np.ndarray]:
        called.append(self)
        return numbers(self, *args)

    monkeypatch.setattr(Indices, "numbers", counted)
    stream = Stream(generators())
    for step in range(200):
        stream.take(Indices(40 + each_step * step, 100, 5))
    assert len(called) == calls


def test_unexpected_draw_discards_the_numbers_drawn_ahead():
    """Draws of another kind or width, a repeated draw, a skipped one, and `state_dict` between."""
    plan: list[tuple[Draw, int]] = [
        (Indices(40, 100, 5), 40),
        (Indices(41, 100, 5), 41),
        (Indices(41, 100, 5), 41),
        (Indices(43, 100, 5), 43),
    ]
    alone, stream = generators(), Stream(generators())
    for draw, size in plan:
        expected = [g.integers(m * 100, m * 100 + size, 5) for m, g in enumerate(alone)]
        assert np.array_equal(stream.take(draw), expected)
    for _ in range(2):
        assert np.array_equal(stream.take(Normal(3)), [g.standard_normal(3) for g in alone])
    assert np.array_equal(stream.take(Uniform(3)), [g.uniform(-1, 1, 3) for g in alone])
    assert stream.state_dict() == Stream(alone).state_dict()
    assert np.array_equal(stream.take(Normal(1)), [g.standard_normal(1) for g in alone])


def test_loading_a_state_discards_the_numbers_drawn_ahead():
    stream = Stream(generators())
    for _ in range(10):
        stream.take(Normal(1))
    state = stream.state_dict()
    following = [stream.take(Normal(1)).copy() for _ in range(100)]
    stream.load_state_dict(state)
    assert np.array_equal([stream.take(Normal(1)) for _ in range(100)], following)


def test_member_has_the_numbers_of_a_stream_with_one_member():
    together = Stream(generators()).take(Normal(4))
    for member, generator in enumerate(generators()):
        assert np.array_equal(together[member], Stream([generator]).take(Normal(4))[0])
    assert len({*map(tuple, together)}) == MEMBERS
