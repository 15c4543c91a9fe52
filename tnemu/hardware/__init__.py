"""What the hardware is: neuron parameters, boards, board images and packets. Pure data."""

from tnemu.errors import TnemuError
from tnemu.hardware.board import BoardSpec, ChipSpec, board_names, load_board
from tnemu.hardware.errors import BoardError, ImageError, RangeError
from tnemu.hardware.image import BoardImage, InputConnector, OutputConnector
from tnemu.hardware.neuron import AXONS, NEURON_DTYPE, NEURONS, neuron

__all__ = [
    "AXONS",
    "NEURONS",
    "NEURON_DTYPE",
    "BoardError",
    "BoardImage",
    "BoardSpec",
    "ChipSpec",
    "ImageError",
    "InputConnector",
    "OutputConnector",
    "RangeError",
    "TnemuError",
    "board_names",
    "load_board",
    "neuron",
]
