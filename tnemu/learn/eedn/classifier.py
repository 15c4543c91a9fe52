"""A convolutional network of trinary weights for pictures, wired by a preset.

    logit_c = exp(log_scale) x (bits that vote for class c) / (voters per class)

Layers, training and folding are those of tnemu.learn.eedn.student; what is other is the wiring (all
layers are convolutions, tnemu.learn.eedn.presets) and the vote, which averages a class's features over
all places. ``dropout`` silences each hidden bit with that probability while training.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.learn.eedn.presets import voting, wirings
from tnemu.learn.eedn.student import NeuronLayer, Precision, Student


class Classifier(Student):
    """Pictures uint8[n, channels, rows, columns] to one logit per class, float[n, classes].

    Raises TnemuError for an unknown preset and for pictures that are too small for it.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        preset: str,
        precision: Precision = "trinary",
        dropout: float = 0.0,
    ):
        nn.Module.__init__(self)  # a Student's own layers are of another wiring
        wiring = wirings(preset, shape, classes)
        self.precision, self.actions, self.preset, self.dropout = (
            precision,
            classes,
            preset,
            dropout,
        )
        self.register_buffer("background", torch.zeros(shape))
        self.layers = nn.ModuleList([NeuronLayer(each, precision) for each in wiring])
        if precision == "trinary":
            nn.init.uniform_(self.layers[0].beta, -1.0, 0.3)
        self.log_scale = nn.Parameter(torch.tensor(3.0))
        self._classes = voting(wiring, shape, classes)

    @property
    def classes(self) -> np.ndarray:
        """int32[voters]: the class that each output of the last layer votes for."""
        return self._classes

    def count(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Votes per class: integers when trinary. The output of each layer goes to ``seen``."""
        x = screens.float() - self.background
        for layer in self.layers:
            x = layer(x)
            if seen is not None:
                seen.append(x)
            if self.training and self.dropout and not layer.wiring.last:
                x = F.dropout(x, self.dropout)
        return x.view(len(x), -1, self.actions, *x.shape[2:]).sum((1, 3, 4))

    def forward(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Logits float[n, classes]; the output of each layer goes to ``seen``."""
        voters = len(self._classes) // self.actions
        return self.log_scale.exp() * self.count(screens, seen) / voters
