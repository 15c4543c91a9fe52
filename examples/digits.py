"""IBM's digit classifier
======================

Compiled by IBM's tools in 2017, on an emulated board: digits in, classes out::

    python examples/digits.py FOLDER [--mnist mnist.npz] [--draw FILE]... [--picture digits.png]

FOLDER holds mnist_neil2.tnbm, its two maps, its input spikes and what IBM's run time recorded, as
published with the NeMo simulator (github.com/markplagge/NeMo, branch mb-develop, MIT). The network has
five cores and needs two ticks: a digit may follow in every tick. Its maps say what its pins are:

* four inputs "16x16image 1" to "4", pin 16 row + column. All get the same black and white picture: the
  k-th lands on axons of type k, so that a neuron can choose among four weights for each pixel.
* one output of 250 pins, class pin // 25: a neuron of a class fires if its sum reaches one of 25 heights.
  So a class has 0 to 25 spikes, and the class with the most is the answer.

The recorded run has 20 digits, whose pictures are those of digits of the MNIST test set, 28 x 28,
averaged down to 16 x 16 and cut at about 100 of 255; ``--mnist`` finds them, and classifies all of the
test set. ``--draw`` classifies a picture of your own: a text file of up to 16 lines, # is ink.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import tnemu
from tnemu.formats.connector_map import read_connectors
from tnemu.formats.spike_file import read_spikes
from tnemu.measure.figure import ALARM, CALM, FAINT, INK, new_figure

SIDE, CLASSES, HEIGHTS = 16, 10, 25
CUT = 64
"""Of 255; the best of 48, 64, 80 and 100 on the first 3,000 digits of the training set."""


class Classifier:
    """The five cores on an emulated NS1e: pictures bool [n, 16, 16] -> spikes int [n, 10 classes]."""

    def __init__(self, folder: Path) -> None:
        self.image = tnemu.fit(folder / "mnist_neil2.tnbm", "ns1e").image
        self.inputs = read_connectors(folder / "mnist_neil2_inpMap.bin")

    def votes(self, pictures: np.ndarray) -> np.ndarray:
        """One picture a tick; its answer leaves the board in the next."""
        tick, pin = np.nonzero(pictures.reshape(len(pictures), -1))
        with tnemu.Emulator(self.image) as board:
            for connector in self.inputs:
                board.inject(connector.cores[pin], connector.lines[pin], tick)
            spikes = board.run(len(pictures) + 1)
        return count(spikes.tick - 1, spikes.pin, len(pictures))


def count(picture: np.ndarray, pin: np.ndarray, pictures: int) -> np.ndarray:
    """Spikes of every class for every picture."""
    votes = np.zeros((pictures, CLASSES), int)
    here = picture >= 0
    np.add.at(votes, (picture[here], pin[here] // HEIGHTS), 1)
    return votes


def recorded(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The 20 pictures of the recorded run, and the spikes of every class that IBM's run time counted."""
    connector = read_connectors(folder / "mnist_neil2_inpMap.bin")[0]
    pin_of = {at: k for k, at in enumerate(zip(connector.cores, connector.lines, strict=True))}
    given = read_spikes(folder / "mnist_neil2_spikes.sfci").records
    pictures = np.zeros((int(given["time"].max()) + 1, SIDE * SIDE), bool)
    for tick, core, axon, _ in given.tolist():
        if (core, axon) in pin_of:  # the other three inputs say the same
            pictures[tick, pin_of[core, axon]] = True
    out = read_spikes(folder / "mnist_neil2_out.sfcp").records
    # Sent in tick t, seen in t + 1, answered in t + 2.
    answered = out[(out["time"] >= 2) & (out["time"] < len(pictures) + 2)]
    votes = count(answered["time"] - 2, answered["axon"], len(pictures))
    return pictures.reshape(-1, SIDE, SIDE), votes


def shrunk(digits: np.ndarray) -> np.ndarray:
    """uint8 [n, 28, 28] -> float [n, 16, 16], each the mean of 7/4 x 7/4 pixels."""
    fine = digits.repeat(4, axis=1).repeat(4, axis=2)
    return fine.reshape(len(digits), SIDE, 7, SIDE, 7).mean(axis=(2, 4))


def drawn(path: Path) -> np.ndarray:
    """The picture in a text file: # is ink, all else is paper."""
    lines = path.read_text().splitlines()
    if len(lines) > SIDE or max(map(len, lines), default=0) > SIDE:
        raise SystemExit(f"{path} is larger than {SIDE} x {SIDE} characters; draw it smaller")
    rows = [[mark == "#" for mark in line.ljust(SIDE)] for line in lines]
    return np.array(rows + [[False] * SIDE] * (SIDE - len(rows)))


def answers(votes: np.ndarray) -> list[str]:
    """The class with the most spikes; "-" where none fired."""
    return [str(k) if any_ else "-" for k, any_ in zip(votes.argmax(1), votes.any(1), strict=True)]


def compare_with_mnist(classifier: Classifier, file: Path, pictures: np.ndarray) -> None:
    """Where the recorded pictures come from, and how many of the test set are classified right."""
    with np.load(file) as arrays:
        digits, labels = arrays["test_x"], arrays["test_y"]
    small = shrunk(digits)
    differing = (small[None] >= 100) != pictures[:, None]
    pixels = differing.sum(axis=(2, 3))
    nearest, fewest = pixels.argmin(1), pixels.min(1)
    print(f"in the MNIST test set the recorded digits are those of index {nearest.tolist()},")
    print(f"at a cut of 100 all but {fewest.sum()} of {pictures.size:,} pixels equal;")
    print(f"their labels are  {' '.join(map(str, labels[nearest]))}")
    votes = classifier.votes(small >= CUT)
    right = int((votes.any(1) & (votes.argmax(1) == labels)).sum())
    print(
        f"MNIST test set, cut at {CUT}: {right:,} of {len(labels):,} right ({right / len(labels):.1%})"
    )


def draw(path: Path, pictures: np.ndarray, votes: np.ndarray) -> None:
    """Every digit above the spikes of its ten classes."""
    columns = min(10, len(pictures))
    rows = -(-len(pictures) // columns)
    title = "A digit classifier compiled by IBM's tools, on an emulated NS1e"
    subtitle = (
        "five cores, one digit a tick; below each digit the spikes of its ten classes, 0 to 25"
    )
    figure = new_figure(1.15 * columns + 0.4, 2.1 * rows + 1, title, subtitle)
    axes = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[1.4, 1] * rows)
    for axis in axes.flat:
        axis.set_axis_off()
    for k, (picture, spikes) in enumerate(zip(pictures, votes, strict=True)):
        image, bars = (axes[2 * (k // columns) + below, k % columns] for below in (0, 1))
        image.imshow(~picture, cmap="gray", vmin=0, vmax=1)
        image.set_title(answers(spikes[None])[0], color=INK, size=13, weight="bold")
        colours = [CALM if c == spikes.argmax() else ALARM for c in range(CLASSES)]
        bars.set_axis_on()
        bars.bar(range(CLASSES), spikes, color=colours)
        bars.set(ylim=(0, HEIGHTS), yticks=[], xticks=range(CLASSES))
        bars.tick_params(labelsize=6, length=0, colors=INK)
        bars.set_facecolor(FAINT)
    figure.savefig(path, dpi=110)
    print(f"picture: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, help="an .npz with test_x [n, 28, 28] and test_y [n]")
    parser.add_argument(
        "--draw", type=Path, action="append", default=[], help="a text file, # is ink"
    )
    parser.add_argument("--picture", type=Path, default=Path("digits.png"))
    given = parser.parse_args()
    classifier = Classifier(given.folder)
    pictures, ibm = recorded(given.folder)
    votes = classifier.votes(pictures)
    print(f"{len(pictures)} recorded digits, classified: {' '.join(answers(votes))}")
    same = "the same" if np.array_equal(votes, ibm) else "NOT the same"
    print(f"spikes of the ten classes: {same} as IBM's run time recorded, {int(ibm.sum())} in all")
    if given.mnist:
        compare_with_mnist(classifier, given.mnist, pictures)
    for path in given.draw:
        own = drawn(path)[None]
        spikes = classifier.votes(own)
        print(f"{path}: {answers(spikes)[0]}   spikes of classes 0 to 9: {spikes[0].tolist()}")
        pictures, votes = np.concatenate([pictures, own]), np.concatenate([votes, spikes])
    draw(given.picture, pictures, votes)


if __name__ == "__main__":
    main()

# sphinx_gallery_thumbnail_path = 'digits.png'
