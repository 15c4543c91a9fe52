"""What the training of a classifier is told. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.errors import TnemuError, one_of
from tnemu.learn.eedn.limits import check_hysteresis, check_sparsity
from tnemu.learn.eedn.presets import check_preset
from tnemu.learn.run.device import check_device
from tnemu.learn.run.ranges import above_zero, at_least, check_types, shares
from tnemu.tasks.classify.catalogue import DATA_SETS, DataSet, data_set

FREE = frozenset(
    "out data device check_every log_every checkpoint_minutes control_iterations".split()
)
"""Settings that a resumed run may change."""
SCHEDULES = ("cosine", "steps")
DROPS = (0.6, 0.85)
"""Of ``steps``: after these shares of the iterations the learning rate is a tenth of what it was."""
CONTRASTS = ("usual", "yes", "no")


@dataclass(frozen=True)
class ClassifySettings:
    """Everything a classifier's training depends on. Raises TnemuError for a value of another type or
    out of its range. What is not given (None, or "usual") is as the data set has it.
    """

    dataset: str
    """Which data set: digits, mnist, fashion-mnist, cifar10, cifar100, svhn, gtsrb, logo32,
    spoken-digits, timit, or any folder of class folders of pictures or sounds.
    """
    out: str
    """Folder for checkpoints, curve and the weight file."""
    data: str | None = None
    """Where the data lies, a folder or an .npz file; digits need none."""
    preset: str = "usual"
    """The network: tiny, small, half, one, two or four; see tnemu.learn.eedn.presets."""
    seed: int = 0
    """Of everything that is drawn."""
    iterations: int = 4_000
    """Minibatches of the trinary network."""
    batch: int = 64
    """Pictures of a minibatch."""
    learning_rate: float = 2e-2
    """To begin with; thresholds and scale get half."""
    schedule: str = "cosine"
    """cosine: down to 1 %; steps: a tenth after 60 % and again after 85 % of the iterations."""
    dropout: float = 0.0
    """Share of the hidden bits that are silenced while training."""
    hysteresis: float = 0.0
    """Of the trinary weights; Esser et al. use 0.1."""
    sparsity: float = 0.0
    """Pressure on the spikes; Esser et al. use 1e-4."""
    contrast: str = "usual"
    """Whether every picture's contrast is made equal: yes, no, or as usual for the data set."""
    unseen: str = ""
    """Of spoken-digits: the speaker whose takes are the test part."""
    shift: int | None = None
    """Pixels by which training moves a picture, at most."""
    flip: int | None = None
    """1: training mirrors half of the pictures; 0: none."""
    turn: float | None = None
    """Degrees by which training turns a picture, at most."""
    zoom: float | None = None
    """Share by which training scales a picture, at most."""
    hold_out: int = 20
    """1 / hold_out of the training part is for validation."""
    calibration: int = 2_000
    """Pictures for the exact means and variances."""
    control_iterations: int = -1
    """Minibatches of the float control; -1: as many as the trinary network's, 0: no control."""
    control_learning_rate: float = 2e-3
    """Of the float control."""
    check_every: int = 1_000
    """Iterations between two validations."""
    log_every: int = 100
    """Iterations between two rows of the curve."""
    checkpoint_minutes: float = 3.0
    """Between two checkpoints, from which --resume goes on; 0: after every iteration."""
    device: str = "auto"
    """Where the network computes: cpu, cuda or auto."""

    def __post_init__(self) -> None:
        check_types(self)
        known = data_set(self.dataset)
        if self.preset == "usual":
            object.__setattr__(self, "preset", known.preset)
        check_preset(self.preset)
        for name in ("shift", "turn", "zoom"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(known, name))
        if self.flip is None:
            object.__setattr__(self, "flip", int(known.flip))
        one_of("schedule", self.schedule, SCHEDULES, error=TnemuError)
        one_of("contrast", self.contrast, CONTRASTS, error=TnemuError)
        check_hysteresis(self.hysteresis)
        check_sparsity(self.sparsity)
        check_device(self.device)
        at_least(1, self, "iterations batch calibration check_every log_every")
        at_least(0, self, "seed shift turn zoom checkpoint_minutes")
        at_least(-1, self, "control_iterations")
        at_least(2, self, "hold_out")
        above_zero(self, "learning_rate control_learning_rate")
        shares(self, "dropout flip")
        if self.unseen and self.dataset != "spoken-digits":
            raise TnemuError(
                f"unseen is {self.unseen!r}, {self.dataset} has no speakers; leave --unseen out"
            )

    @property
    def game(self) -> str:
        """What the network is called: the data set."""
        return self.dataset

    @property
    def known(self) -> DataSet:
        """What is known of the data set."""
        return DATA_SETS[self.dataset]

    @property
    def equal_contrast(self) -> bool:
        """Whether every picture's contrast is made equal."""
        return self.known.contrast if self.contrast == "usual" else self.contrast == "yes"

    def minibatches(self, stage: str) -> int:
        """Of a stage, "trinary" or "control"."""
        if stage == "control" and self.control_iterations >= 0:
            return self.control_iterations
        return self.iterations
