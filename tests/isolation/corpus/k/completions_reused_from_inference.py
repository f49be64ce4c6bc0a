"""GRPO that reuses sampled completions for several iterations: token ids made in inference mode.

https://github.com/huggingface/trl/issues/2983: with `num_iterations` above 1 the second pass of the
model over `input_ids` ends in "Inference tensors cannot be saved for backward" (Andcircle). Integer
tensors are affected too: an embedding saves its indices. The contract has no `keeps`, as if the
user did not know about the buffer: the audit must explain the error itself.
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates

CASE = Case(
    identifier="K3",
    mistake_class="K",
    algorithm="GRPO",
    url="https://github.com/huggingface/trl/issues/2983",
    expected=(Expected("training_step", "model", "leaked", Grade.NOTHING, "stored"),),
)

WORDS = 5


class Trainer:
    def __init__(self, *, clone: bool) -> None:
        torch.manual_seed(0)
        self.clone = clone
        self.model = nn.Sequential(nn.Embedding(WORDS, 8), nn.Tanh(), nn.Linear(8, WORDS))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.buffered_inputs: list[dict[str, Tensor]] = []
        self.generate()

    def generate(self) -> None:
        with torch.inference_mode():
            prompts = torch.arange(WORDS)
            completions = self.model(prompts).argmax(-1)
        input_ids = completions.clone() if self.clone else completions
        self.buffered_inputs = [{"input_ids": input_ids, "advantages": torch.linspace(-1, 1, 5)}]

    def training_step(self) -> None:
        inputs = self.buffered_inputs[0]
        log_probabilities = self.model(inputs["input_ids"]).log_softmax(-1).max(-1).values
        ratio = (log_probabilities - log_probabilities.detach()).exp()
        loss = -(ratio * inputs["advantages"]).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def contract_and_updates(trainer: Trainer) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"model": trainer.model},
        optimizers={"model": trainer.optimizer},
        updates={"training_step": trains("model")},
    )
    return contract, {"training_step": trainer.training_step}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(Trainer(clone=False))


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(Trainer(clone=True))
