"""One backward pass whose gradients two optimizers apply, each to its own module.

The joint step is declared as one part, `critic+encoder`, or as the critic's part alone. Broken: the
optimizer of the encoder makes no step, or its part does not allow the encoder.
"""

from functools import partial

import torch

from ddpg.isolation import Contract, Grade, Permission, split, trains
from ddpg.isolation.results import Kind, Verdict
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch


def example(
    parts: dict[str, Permission], *, encoder_steps: bool = True
) -> tuple[Contract, Updates]:
    encoder, critic, actor = mlp(STATE, 8), mlp(8 + ACTION, 1, seed=1), mlp(8, ACTION, seed=2)
    networks = {"encoder": encoder, "critic": critic, "actor": actor}
    optimizers = {name: torch.optim.Adam(each.parameters()) for name, each in networks.items()}
    batch = random_batch()

    def train() -> None:
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        features = encoder(batch.states)
        value = critic(torch.cat([features, batch.actions], dim=-1))
        (value - batch.rewards).square().mean().backward()
        if encoder_steps:
            optimizers["encoder"].step()
        optimizers["critic"].step()
        features = encoder(batch.states).detach()
        (-critic(torch.cat([features, actor(features)], dim=-1)).mean()).backward()
        optimizers["actor"].step()

    contract = Contract(modules=networks, optimizers=optimizers, updates={"train": split(**parts)})
    return contract, {"train": train}


ACTOR = {"actor": trains("actor", through="critic")}
JOINT = {"critic+encoder": trains("critic", "encoder"), **ACTOR}
REVERSED = {"encoder+critic": trains("critic", "encoder"), **ACTOR}
CRITIC_ALONE = {"critic": trains("critic", "encoder"), **ACTOR}
APART = {"critic": trains("critic"), "encoder": trains("encoder"), **ACTOR}
NOT_DECLARED = {"critic": trains("critic"), **ACTOR}


def expected(
    row: str, verdict: Verdict = "starved", kind: Kind = "moved", grade: Grade = Grade.NONZERO
) -> tuple[Expected, ...]:
    return (Expected(row, "encoder", verdict, grade, kind),)


STYLES = {
    "joint": Style(
        "SAC-AE",
        partial(example, JOINT),
        partial(example, JOINT, encoder_steps=False),
        expected("train/critic+encoder"),
    ),
    "joint_reversed": Style(
        "SAC-AE",
        partial(example, REVERSED),
        partial(example, REVERSED, encoder_steps=False),
        expected("train/encoder+critic"),
    ),
    "critic_alone": Style(
        "SAC-AE",
        partial(example, CRITIC_ALONE),
        partial(example, CRITIC_ALONE, encoder_steps=False),
        expected("train/critic"),
    ),
    "apart": Style(
        "SAC-AE",
        partial(example, APART),
        partial(example, NOT_DECLARED),
        expected("train/critic", "leaked", "moved", Grade.MOVED)
        + expected("train/critic", "leaked", "membership", Grade.MOVED),
    ),
}
