"""What a student is taught to copy: the losses between a teacher's Q-values and its logits.

    kl    mean over states of  sum_a p_a (log p_a - log s_a)
          p = softmax(Q / tau),  s = softmax(logit)
    nll   mean over states of  -log s_b,    b = argmax_a Q_a, the first of equals
    mse   mean over states and actions of  (z_a - t_a)^2
          t = (Q - mean_a Q) / tau,  z = logit - mean_a logit

    Q, logit   float[states, actions]; tau > 0, in units of Q

The student's logits are not divided by tau. Policies do not change when a constant is added to all
Q-values of a state, so ``mse`` compares both sides without their means (votes cannot be negative,
Q-values can), and in units of tau: the student that has no error under ``mse`` has none under
``kl``.

Source: Rusu et al., Policy Distillation (2015), which compares these three; there ``mse`` regresses
Q itself and tau is given. McKinstry et al. (2018) use ``nll`` and ``kl`` for TrueNorth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from tnemu.learn.distil.settings import check_loss


@dataclass(frozen=True)
class Loss:
    """What is copied, and how far a student is from it."""

    labels: Callable[[Tensor, float], Tensor]
    """Of Q [states, actions] and tau: what the student copies, one row or number per state."""
    distance: Callable[[Tensor, Tensor], Tensor]
    """Of such labels and the student's logits [states, actions]; a mean over states."""


def kl(labels: Tensor, logits: Tensor) -> Tensor:
    """Mean over states of the relative entropy of the labels, probabilities, to the softmax of the logits."""
    return F.kl_div(logits.log_softmax(1), labels, reduction="batchmean")


def nll(labels: Tensor, logits: Tensor) -> Tensor:
    """Mean over states of the surprise at the labels, numbers of actions, under the softmax of the logits."""
    return F.cross_entropy(logits, labels)


def mse(labels: Tensor, logits: Tensor) -> Tensor:
    """Mean over states and actions of the squared difference; the logits lose their mean first."""
    return F.mse_loss(_centred(logits), labels)


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(1, keepdim=True)


LOSSES = {
    "kl": Loss(lambda q, tau: (q / tau).softmax(1), kl),
    "nll": Loss(lambda q, tau: q.argmax(1), nll),
    "mse": Loss(lambda q, tau: _centred(q) / tau, mse),
}


def loss_for(name: str) -> Loss:
    """The loss of that name; raises TnemuError, with the choices, if there is none."""
    check_loss(name)
    return LOSSES[name]
