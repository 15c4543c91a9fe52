"""What a torch module computes, as a list of nodes: the protocol of networks that can be quantised.

A module is traced with torch.fx in eval mode; its forward must not branch on values. It may consist of

    Conv2d (any stride, zero padding, dilation, groups), Linear        modules, or F.conv2d, F.linear
    BatchNorm2d, BatchNorm1d with running means                        behind one of these, or anywhere
    ReLU, ReLU6                                                        modules, functions, methods
    x + y, torch.add, torch.cat along the features
    MaxPool2d, AvgPool2d (padding counted), AdaptiveAvgPool2d that divides, mean over rows and columns
    Flatten, view or reshape to [n, -1], ZeroPad2d, Dropout, Identity, Subsample (cifar_resnet)

and returns one value, the logits. Anything else is refused by name.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from tnemu.errors import shown
from tnemu.learn.players.integers import QuantiseError
from tnemu.learn.precision.cifar_resnet import Subsample


@dataclass
class Node:
    """One value: ``inputs`` are numbers of earlier nodes. ``module`` holds what it learns."""

    kind: str
    inputs: tuple[int, ...]
    name: str
    module: nn.Module | None = None
    numbers: dict[str, Any] = field(default_factory=dict)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Subsample) or super().is_leaf_module(m, module_qualified_name)


def pair(value: Any) -> tuple[int, int]:
    """(rows, columns) of a number or a pair."""
    first, second = value if isinstance(value, Sequence) else (value, value)
    return int(first), int(second)


class Tracing:
    """The nodes of a module; node 0 is the picture. ``learns`` holds what it learns, by name."""

    def __init__(self, module: nn.Module):
        self.root = copy.deepcopy(module).eval().requires_grad_(True)
        try:
            self.graph = _Tracer().trace(self.root)
        except Exception as error:  # code of the user's, which may raise anything
            raise QuantiseError(
                f"the network cannot be traced ({type(error).__name__}: {error}); its forward must not "
                "depend on values, see tnemu.learn.precision.trace"
            ) from None
        self.modules = dict(self.root.named_modules())
        self.nodes: list[Node] = []
        self.at: dict[fx.Node, int] = {}
        for each in self.graph.nodes:
            self._add(each)

    def _add(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            if not self.nodes:
                self._node(node, "image", ())
            return  # further inputs have defaults
        if node.op == "output":
            answer = node.args[0]
            if not isinstance(answer, fx.Node):
                raise QuantiseError("the network returns several values; return its logits alone")
            last = self._value(answer)
            if last != len(self.nodes) - 1:
                self.nodes.append(Node("same", (last,), "answer"))
            return
        if node.op == "get_attr" or not node.users:
            return
        if node.op == "call_module":
            self._module(node, self.modules[str(node.target)])
        elif node.op == "call_function":
            self._function(node)
        else:
            self._method(node)

    def _node(self, node: fx.Node, kind: str, inputs: tuple[int, ...], **more: Any) -> None:
        module = more.pop("module", None)
        self.at[node] = len(self.nodes)
        self.nodes.append(Node(kind, inputs, str(more.pop("label", node.name)), module, more))

    def _value(self, node: Any) -> int:
        if node not in self.at:
            raise self._refused(node, "is no value of the network's")
        return self.at[node]

    def _refused(self, node: Any, why: str = "has no form in integers here") -> QuantiseError:
        what = getattr(node, "target", node)
        name = getattr(what, "__name__", None) or str(what)
        module = self.modules.get(str(what)) if getattr(node, "op", "") == "call_module" else None
        kind = f" ({type(module).__name__})" if module is not None else ""
        return QuantiseError(
            f"network: {shown(name)}{kind} {why}; tnemu.learn.precision.trace lists what a network may "
            "consist of"
        )

    def _module(self, node: fx.Node, m: nn.Module) -> None:
        x, name = (self._value(node.args[0]),), str(node.target)
        if isinstance(m, nn.Conv2d):
            if m.padding_mode != "zeros" or isinstance(m.padding, str):
                raise self._refused(node, "pads with other values than a number of zeros")
            self._node(
                node,
                "conv",
                x,
                module=m,
                label=name,
                **_conv(m.stride, m.padding, m.dilation, m.groups),
            )
        elif isinstance(m, nn.Linear):
            self._node(node, "linear", x, module=m, label=name)
        elif isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d):
            if m.running_mean is None:
                raise self._refused(node, "has no running means")
            self._node(node, "norm", x, module=m, label=name)
        elif isinstance(m, nn.ReLU | nn.ReLU6):
            self._node(node, "relu", x, top=6.0 if isinstance(m, nn.ReLU6) else None)
        elif isinstance(m, nn.MaxPool2d):
            self._pool(node, "max", m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode)
        elif isinstance(m, nn.AvgPool2d):
            if not m.count_include_pad or m.ceil_mode or m.divisor_override:
                raise self._refused(node, "does not count its padding")
            self._pool(node, "mean", m.kernel_size, m.stride, m.padding)
        elif isinstance(m, nn.AdaptiveAvgPool2d):
            self._node(node, "adaptive", x, size=pair(m.output_size))
        elif isinstance(m, nn.Flatten) and m.start_dim == 1:
            self._node(node, "flatten", x)
        elif isinstance(m, nn.ZeroPad2d):
            self._node(node, "pad", x, edges=tuple(int(e) for e in m.padding))
        elif isinstance(m, Subsample):
            self._node(node, "take", x, stride=m.stride, more=m.more)
        elif isinstance(m, nn.Dropout | nn.Identity):
            self.at[node] = x[0]
        else:
            raise self._refused(node)

    def _pool(
        self,
        node: fx.Node,
        kind: str,
        window: Any,
        stride: Any,
        pad: Any,
        dilation: Any = 1,
        ceil: Any = False,
    ) -> None:
        numbers = {
            "window": pair(window),
            "stride": pair(window if stride in (None, []) else stride),
        }
        numbers |= {"pad": pair(pad), "dilation": pair(dilation)}
        self._node(node, kind, (self._value(node.args[0]),), ceil=bool(ceil), **numbers)

    def _function(self, node: fx.Node) -> None:
        f, args, more = node.target, node.args, dict(node.kwargs)
        if f in (operator.add, operator.iadd, torch.add):
            self._node(node, "add", (self._value(args[0]), self._value(args[1])))
        elif f in (F.relu, torch.relu, F.relu6):
            self._node(node, "relu", (self._value(args[0]),), top=6.0 if f is F.relu6 else None)
        elif (
            f is torch.cat
            and (args[1] if len(args) > 1 else more.get("dim", more.get("axis"))) == 1
        ):
            self._node(node, "cat", tuple(self._value(each) for each in args[0]))
        elif f is torch.flatten:
            self._node(node, "flatten", (self._value(args[0]),))
        elif f is F.dropout:
            self.at[node] = self._value(args[0])
        elif f is F.adaptive_avg_pool2d:
            size = args[1] if len(args) > 1 else more["output_size"]
            self._node(node, "adaptive", (self._value(args[0]),), size=pair(size))
        elif f in (F.max_pool2d, F.avg_pool2d):
            names = (
                "kernel_size",
                "stride",
                "padding",
                "dilation" if f is F.max_pool2d else "ceil_mode",
            )
            given = {**dict(zip(names, args[1:], strict=False)), **more}
            kind = "max" if f is F.max_pool2d else "mean"
            odd = not given.get("count_include_pad", True) or given.get("ceil_mode", False)
            if kind == "mean" and odd:
                raise self._refused(node, "does not count its padding")
            self._pool(node, kind, given["kernel_size"], given.get("stride"), given.get("padding", 0),
                       given.get("dilation", 1), given.get("ceil_mode", False))  # fmt: skip
        elif f in (F.conv2d, F.linear):
            self._plain_layer(node)
        elif f is torch.mean:
            self._mean(node)
        elif f not in (operator.getitem, getattr):  # sizes
            raise self._refused(node)

    def _method(self, node: fx.Node) -> None:
        name, x = str(node.target), node.args[0]
        if name in ("relu", "relu_"):
            self._node(node, "relu", (self._value(x),), top=None)
        elif name in ("add", "add_"):
            self._node(node, "add", (self._value(x), self._value(node.args[1])))
        elif name == "mean":
            self._mean(node)
        elif name in ("flatten", "view", "reshape"):
            self._node(node, "flatten", (self._value(x),))
        elif name == "contiguous":
            self.at[node] = self._value(x)
        elif name != "size":
            raise self._refused(node)

    def _mean(self, node: fx.Node) -> None:
        axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        if not isinstance(axes, Sequence) or sorted(a % 4 for a in axes) != [2, 3]:
            raise self._refused(node, "is no mean over rows and columns")
        keep = node.kwargs.get("keepdim", node.args[2] if len(node.args) > 2 else False)
        x = self._value(node.args[0])
        self._node(node, "adaptive", (x,), size=(1, 1))
        if not keep:
            self.at[node] = len(self.nodes)
            self.nodes.append(Node("flatten", (len(self.nodes) - 1,), node.name))

    def _plain_layer(self, node: fx.Node) -> None:
        """A layer as a function of weights that belong to a module."""
        names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
        weight = given["weight"]
        if not isinstance(weight, fx.Node) or weight.op != "get_attr":
            raise self._refused(node, "has weights that no module owns")
        owner = self.modules[str(weight.target).rpartition(".")[0]]
        kind = "conv" if node.target is F.conv2d else "linear"
        shape = [given.get(k, d) for k, d in (("stride", 1), ("padding", 0), ("dilation", 1))]
        stride, pad, dilation = shape
        groups = given.get("groups", 1)
        more = _conv(stride, pad, dilation, groups) if kind == "conv" else {}
        label = str(weight.target).removesuffix(".weight")
        self._node(node, kind, (self._value(given["input"]),), module=owner, label=label, **more)


def _conv(stride: Any, pad: Any, dilation: Any, groups: Any) -> dict[str, Any]:
    numbers = {"stride": pair(stride), "pad": pair(pad), "dilation": pair(dilation)}
    return {**numbers, "groups": int(groups)}


def trace(module: nn.Module) -> tuple[nn.Module, list[Node]]:
    """A copy of ``module`` and what it computes. Raises QuantiseError for what has no form in
    integers.
    """
    found = Tracing(module)
    return found.root, found.nodes


def in_floats(node: Node, given: list[Tensor], weight: Tensor | None = None) -> Tensor:
    """The value of a node in full precision; ``weight`` takes the place of its module's."""
    x, n, m = given[0], node.numbers, node.module
    if node.kind in ("conv", "linear"):
        w: Any = m.weight if weight is None else weight  # type: ignore[union-attr]
        if node.kind == "linear":
            return F.linear(x, w, m.bias)  # type: ignore[union-attr]
        return F.conv2d(x, w, m.bias, n["stride"], n["pad"], n["dilation"], n["groups"])  # type: ignore[union-attr]
    if node.kind == "norm":
        return m(x)  # type: ignore[misc]
    if node.kind == "relu":
        return F.relu(x) if n["top"] is None else F.hardtanh(x, 0.0, n["top"])
    if node.kind == "add":
        return x + given[1]
    if node.kind == "cat":
        return torch.cat(given, 1)
    if node.kind == "max":
        return F.max_pool2d(x, n["window"], n["stride"], n["pad"], n["dilation"], n["ceil"])
    if node.kind == "mean":
        return F.avg_pool2d(x, n["window"], n["stride"], n["pad"])
    if node.kind == "adaptive":
        return F.adaptive_avg_pool2d(x, n["size"])
    if node.kind == "pad":
        return F.pad(x, n["edges"])
    if node.kind == "take":
        s = n["stride"]
        return F.pad(x[:, :, ::s, ::s], (0, 0, 0, 0, n["more"], n["more"]))
    return x.flatten(1) if node.kind == "flatten" else x
