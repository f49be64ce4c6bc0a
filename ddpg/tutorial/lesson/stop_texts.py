"""Text and code of each stop between the two layers."""

from typing import NamedTuple


class StopText(NamedTuple):
    """A paragraph on a stop, and one update with the stop written by hand."""

    paragraph: str
    code: str


_ALL = "[*L1.parameters(), *L2.parameters()]"


def _update(
    hidden: str = "hidden = L1(x)",
    held: str = f"optimizer = SGD({_ALL}, lr=0.1)",
    backward: str = "loss.backward()",
    edit: str = "",
) -> str:
    """Return the code of one update."""
    lines = ("L1, L2, x, y = two_layers()", held, hidden, "loss = mse_loss(L2(hidden), y)")
    return "\n".join((*lines, backward, *([edit] if edit else []), "optimizer.step()"))


STOP_TEXTS = {
    "none": StopText(
        "The control. Nothing separates L1 from L2 and the optimizer holds both layers, so the "
        "loss of the head trains the whole network. Compare every other stop with this table.",
        _update(),
    ),
    "detach": StopText(
        "`detach` returns a tensor that shares memory with `L1(x)` and has no history. By then L1 "
        "has run and autograd has recorded it. The tensors saved for L1 are freed once no variable "
        "refers to the original tensor.",
        _update(hidden="hidden = L1(x).detach()  # the stop"),
    ),
    "no_grad": StopText(
        "Under `no_grad` autograd records nothing: L1's part of the graph is never built, and "
        "nothing is saved for it. The remaining graph is the same as under `detach`.",
        _update(hidden="with torch.no_grad():  # the stop\n    hidden = L1(x)"),
    ),
    "inference": StopText(
        "Under `inference_mode` autograd records nothing either, and it also skips version "
        "counters and view tracking. The tensors stay inference tensors for good, and L2 cannot "
        "save one for its backward pass. The stop therefore clones it outside the mode. Chapter 2 "
        "shows which uses of an inference tensor fail and which work.",
        _update(
            hidden="with torch.inference_mode():  # the stop\n    hidden = L1(x)\n"
            "hidden = hidden.clone()"
        ),
    ),
    "optimizer": StopText(
        "The graph stays whole and L1 gets its gradient, but the optimizer holds only L2, so the "
        "gradient is never applied. The cost is the backward pass through L1, and a `.grad` that "
        "this optimizer's `zero_grad` never clears.",
        _update(held="optimizer = SGD(L2.parameters(), lr=0.1)  # the stop"),
    ),
    "manual": StopText(
        "The backward pass writes every gradient, and the stop edits them before the step. L1's "
        "gradient is then **zero, not None**. Plain SGD does not move a parameter whose gradient "
        "is zero; an optimizer with momentum or weight decay may.",
        _update(edit="for parameter in L1.parameters():  # the stop\n    parameter.grad.zero_()"),
    ),
    "eval": StopText(
        "A common misconception. `eval()` changes what dropout and batch normalization compute, "
        "and nothing in autograd. This table and this graph equal the control's, number by number.",
        _update(hidden="L1.eval()  # stops nothing\nhidden = L1(x)"),
    ),
    "freeze": StopText(
        "This stop and the next two are used by other libraries. `requires_grad_(False)` takes the "
        "weights out of the graph, but a gradient still passes through the layer to its input. "
        "That matters when the trained network comes before the protected one, as in chapter 4.",
        _update(
            hidden="L1.requires_grad_(False)  # the stop\nhidden = L1(x)\nL1.requires_grad_(True)"
        ),
    ),
    "inputs": StopText(
        "The graph is whole, and `backward` gets a list of the leaves whose gradients it may "
        "write. L1 is reached and its `.grad` stays None.",
        _update(backward="loss.backward(inputs=list(L2.parameters()))  # the stop"),
    ),
    "substitute": StopText(
        "L1 runs on detached copies of its parameters. The values are the same, and L1's own "
        "parameters are not in the graph.",
        _update(
            hidden="weights = {name: p.detach() for name, p in L1.named_parameters()}\n"
            "hidden = torch.func.functional_call(L1, weights, (x,))  # the stop"
        ),
    ),
}
