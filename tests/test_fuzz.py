"""Fuzzing: any input gives a value or an error of one sentence, and no other exception."""

import dataclasses
import json
import shutil
import warnings
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ddpg.config.settings import Config
from ddpg.config.yaml_file import read_settings, settings_text
from ddpg.errors import CheckpointError, ConfigError
from ddpg.random_streams import RandomStreams
from ddpg.replay import ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints
from ddpg.stops import STOPS, Crossing, Stop, StopError, check

# No deadline: a busy machine is not a failure.
fuzzed = hypothesis_settings(deadline=None, max_examples=200)

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
ANYTHING = st.recursive(
    st.none() | st.floats() | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def assert_sentence(error: Exception, part: str = "") -> None:
    """Assert that the message is one line and contains `part`."""
    assert len(str(error).splitlines()) == 1, str(error)
    assert part in str(error)


def one_setting(field: dataclasses.Field[Any], hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the legal values of a setting, from its type and limits."""
    limits = field.metadata["limits"]
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(limits.get("ge", 1), min(limits.get("le", 10**12), 10**12, 2**31 - 2))
    if hint in (float, float | None, float | dict[str, float]):
        above = limits.get("gt", limits.get("ge"))
        numbers = st.floats(above, limits.get("le"), exclude_min="gt" in limits, allow_nan=False)
        return numbers.filter(np.isfinite)
    if hint == tuple[int, ...]:
        return st.lists(st.integers(1, 8192), min_size=1, max_size=4).map(tuple)
    if hint == dict[str, bool | int | float | str]:
        return st.dictionaries(st.text(), SCALARS.filter(lambda value: value not in _INFINITIES))
    if field.name == "stop":
        return st.sampled_from(["none", "detach", "no_grad+optimizer"])
    return st.just(getattr(Config(), field.name))


def fits(settings: dict[str, Any]) -> bool:
    """Return whether the settings, each of them legal, are legal together."""
    chosen = {**dataclasses.asdict(Config()), **settings}
    return (
        not (chosen["compile"] and chosen["optimizer"] == "sgd")
        and chosen["n_step"] <= chosen["random_steps"]
        and (chosen["stop_at_return"] is None or chosen["evaluation_every"] > 0)
    )


_INFINITIES = (float("inf"), float("-inf"))
_HINTS = get_type_hints(Config)
_FIXED = {"action_layer": st.just(0), "resume": st.just(False), "env": PRINTABLE, "runs": PRINTABLE}
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        field.name: _FIXED.get(field.name, one_setting(field, _HINTS[field.name]))
        for field in dataclasses.fields(Config)
        if field.name not in ("seed", "members")
    },
).filter(fits)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file.yaml"


@fuzzed
@given(SETTINGS)
def test_a_config_survives_dict_and_file(file, settings):
    config = Config.from_dict(settings)
    assert Config.from_dict(config.to_dict()) == config
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert Config.load(file, env=config.env) == config


@fuzzed
@given(st.dictionaries(st.sampled_from(sorted(_HINTS)) | st.text(), ANYTHING, max_size=4))
def test_any_settings_are_a_config_or_one_sentence(settings):
    try:
        with warnings.catch_warnings(action="ignore"):
            config = Config.from_dict(settings)
    except ConfigError as error:
        assert_sentence(error, "allowed")
    else:
        assert Config.from_dict(config.to_dict()) == config


@fuzzed
@given(
    st.text() | st.lists(st.sampled_from([*STOPS, "", " detach"]), min_size=1).map("+".join),
    st.sampled_from(Crossing),
)
def test_any_text_is_legal_stops_or_one_sentence(expression, crossing):
    try:
        with warnings.catch_warnings(action="ignore"):
            classes = check(expression, crossing)
    except StopError as error:
        assert_sentence(error, "allowed: ")
    else:
        assert classes
        assert all(issubclass(each, Stop) for each in classes)
        assert [each.name for each in classes] == [n.strip() for n in expression.split("+")]


def assert_settings_or_sentence(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    for read in (read_settings, Config.load):
        try:
            with warnings.catch_warnings(action="ignore"):
                read(file)
        except ConfigError as error:
            assert_sentence(error)


@fuzzed
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_settings_or_one_sentence(file, content):
    assert_settings_or_sentence(file, content)


YAML_PARTS = [
    *("a", "gamma", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ","),
    *("!!", "!", "&a", "*a", "<<", "?"),
    *("|", ">", "'", '"', "#", "---", "...", "%", "@", "0x", "0b", "1e4", ".inf", ".nan", "1_0"),
    *("1:30", "2020-99-99", "~", "yes", "=", "\\x", "\t", "\u2028", "0o8", "-", "<<", "?"),
]


@fuzzed
@given(st.lists(st.sampled_from(YAML_PARTS)).map("".join))
def test_any_piece_of_yaml_is_settings_or_one_sentence(file, text):
    assert_settings_or_sentence(file, text.encode())


@fuzzed
@given(st.dictionaries(st.text(), SCALARS))
def test_written_settings_are_read_back(file, settings):
    file.write_text(settings_text(settings), encoding="utf-8")
    read = read_settings(file)
    assert read == settings
    assert list(map(type, read.values())) == list(map(type, settings.values()))


def make_replay() -> ReplayBuffer:
    return ReplayBuffer(RandomStreams.from_seeds([0]).replay, 8, 2, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """An intact checkpoint with one piece of replay."""
    folder, replay = tmp_path_factory.mktemp("checkpoint"), make_replay()
    for value in range(5):
        row = np.full((1, 2), value, np.float32)
        replay.add(row, row[:, :1], row[:, 0], row, np.zeros(1, bool))
    Checkpoints(folder).save(7, {"step": 7, "weights": {"w": torch.arange(4.0)}}, replay)
    return folder


def read_all(folder: Path) -> tuple[Any, torch.Tensor] | None:
    """Return state and replay of the checkpoint, or None if it is refused."""
    replay = make_replay()
    try:
        state = Checkpoints(folder).load_state()
        Checkpoints(folder).load(replay)
    except CheckpointError as error:
        assert_sentence(error)
        return None
    return state, replay.rows


def damaged_copy(original: Path, copy: Path, kind: str, damage: Any) -> Path:
    """Copy the checkpoint and damage its file of this kind."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    (file,) = copy.glob(f"{kind}-*")
    file.write_bytes(damage(file.read_bytes()))
    return copy


KINDS = st.sampled_from(["manifest", "state", "replay"])


@fuzzed
@given(kind=KINDS, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_detected_or_changes_nothing(
    checkpoint, tmp_path_factory, kind, where, bit
):
    def flip(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[int(where * len(content))] ^= 1 << bit
        return bytes(changed)

    copy = damaged_copy(checkpoint, tmp_path_factory.getbasetemp() / "flipped", kind, flip)
    assert_same_or_refused(copy, checkpoint)


@fuzzed
@given(kind=KINDS, share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(checkpoint, tmp_path_factory, kind, share):
    copy = damaged_copy(
        checkpoint,
        tmp_path_factory.getbasetemp() / "cut",
        kind,
        lambda content: content[: int(share * len(content))],
    )
    assert read_all(copy) is None


@fuzzed
@given(kind=KINDS, content=st.binary(max_size=400))
def test_random_bytes_are_refused(checkpoint, tmp_path_factory, kind, content):
    copy = damaged_copy(
        checkpoint, tmp_path_factory.getbasetemp() / "random", kind, lambda _: content
    )
    assert read_all(copy) is None


def assert_same_or_refused(copy: Path, original: Path) -> None:
    read, expected = read_all(copy), read_all(original)
    assert expected is not None
    if read is not None:
        assert torch.equal(read[1], expected[1])
        assert read[0]["step"] == expected[0]["step"]
        assert torch.equal(read[0]["weights"]["w"], expected[0]["weights"]["w"])


def test_an_intact_checkpoint_is_read(checkpoint):
    assert_same_or_refused(checkpoint, checkpoint)


@fuzzed
@given(data=st.data())
def test_a_forged_manifest_is_refused(checkpoint, tmp_path_factory, data):
    def rewrite(content: bytes) -> bytes:
        manifest = json.loads(content)
        name = data.draw(st.sampled_from(sorted(manifest)) | st.just("other"))
        manifest[name] = data.draw(ANYTHING.filter(lambda value: value != manifest.get(name)))
        return json.dumps(manifest).encode()

    copy = damaged_copy(checkpoint, tmp_path_factory.getbasetemp() / "forged", "manifest", rewrite)
    assert read_all(copy) is None


@pytest.mark.parametrize("outside", ["../secret.pt", "/etc/passwd", "../../secret.pt"])
def test_a_manifest_reads_no_file_outside_its_folder(checkpoint, tmp_path, outside):
    folder = tmp_path / "run" / "checkpoints"
    shutil.copytree(checkpoint, folder)
    torch.save({"step": 7, "secret": True}, tmp_path / "run" / "secret.pt")
    torch.save({"step": 7, "secret": True}, tmp_path / "secret.pt")
    (manifest,) = folder.glob("manifest-*")
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "state": outside}))
    assert read_all(folder) is None
    manifest.write_text(json.dumps({**content, "pieces": [[outside, 5]]}))
    assert read_all(folder) is None
