"""Graphs of NIR in floats, step by step in numpy: an answer that owes nothing to whole numbers or cores."""

from __future__ import annotations

from typing import Any

import numpy as np


def evaluate(
    nodes: dict[str, Any], edges: list[tuple[str, str]], x: dict[str, Any]
) -> dict[str, Any]:
    """bool [T, *shape] of every Output for float rasters of every Input; nodes are those of nir.

    Only chains and sums without loops, in float64: nodes in the order in which all before them are known.
    """
    done: dict[str, np.ndarray] = {n: np.asarray(a, float) for n, a in x.items()}
    left = [n for n in nodes if n not in done]
    while left:
        name = next(n for n in left if all(a in done for a, b in edges if b == n))
        left.remove(name)
        total = sum(done[a] for a, b in edges if b == name)
        done[name] = _STEPS[type(nodes[name]).__name__](nodes[name], total)
    return {n: done[n] > 0 for n, node in nodes.items() if type(node).__name__ == "Output"}


def _conv(node: Any, x: np.ndarray) -> np.ndarray:
    py, px = (int(k) for k in node.padding)
    sy, sx = (int(k) for k in node.stride)
    dy, dx = (int(k) for k in node.dilation)
    x = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    out, each, ky, kx = np.shape(node.weight)
    rows = (x.shape[2] - dy * (ky - 1) - 1) // sy + 1
    columns = (x.shape[3] - dx * (kx - 1) - 1) // sx + 1
    y = np.zeros((len(x), out, rows, columns))
    for f in range(out):
        first = f // (out // int(node.groups)) * each
        for r in range(rows):
            for c in range(columns):
                part = x[:, first : first + each, r * sy : r * sy + dy * (ky - 1) + 1 : dy]
                part = part[:, :, :, c * sx : c * sx + dx * (kx - 1) + 1 : dx]
                y[:, f, r, c] = (part * np.asarray(node.weight)[f]).sum((1, 2, 3)) + node.bias[f]
    return y


def _pool(node: Any, x: np.ndarray) -> np.ndarray:
    ky, kx = (int(k) for k in node.kernel_size)
    sy, sx = (int(k) for k in node.stride)
    rows, columns = (x.shape[2] - ky) // sy + 1, (x.shape[3] - kx) // sx + 1
    y = np.zeros((*x.shape[:2], rows, columns))
    for r in range(rows):
        for c in range(columns):
            y[:, :, r, c] = x[:, :, r * sy : r * sy + ky, c * sx : c * sx + kx].sum((2, 3))
    return y


def _if(node: Any, x: np.ndarray) -> np.ndarray:
    v, z = np.zeros(x.shape[1:]), np.zeros_like(x)
    for t in range(len(x)):
        v = v + node.r * x[t]
        z[t] = v > node.v_threshold
        v = np.where(z[t] > 0, node.v_reset, v)
    return z


_STEPS = {
    "Affine": lambda node, x: x @ np.asarray(node.weight).T + node.bias,
    "Linear": lambda node, x: x @ np.asarray(node.weight).T,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "Flatten": lambda node, x: x.reshape(len(x), -1),
    "Threshold": lambda node, x: (x > node.threshold).astype(float),
    "IF": _if,
    "Output": lambda node, x: x,
}
