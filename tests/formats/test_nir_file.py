"""NIR graphs: equal spikes in equal rows on both engines, or every node that is not exact by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")
h5py = pytest.importorskip("h5py")

from formats.nir_graphs import evaluate  # noqa: E402

import corelets  # noqa: E402
import tnemu  # noqa: E402
from tnemu.formats.errors import FormatError  # noqa: E402
from tnemu.formats.nir_file import read_nir, to_nir, write_nir  # noqa: E402
from tnemu.networks.graph.steps import GraphError  # noqa: E402


def network(seed: int, *, scale: float = 1.0) -> Any:
    """Conv2d, Threshold, SumPool2d, Flatten, Affine, IF with weights that are multiples of ``scale``."""
    rng = np.random.default_rng(seed)
    conv = (rng.integers(-1, 2, (4, 1, 3, 3)) * scale).astype(np.float32)
    full = (rng.integers(-3, 4, (6, 4 * 4)) * 0.25).astype(np.float32)
    return nir.NIRGraph.from_list(
        nir.Input(np.array([2, 8, 8])),
        nir.Conv2d(None, conv, (2, 2), (1, 1), (1, 1), 2, np.zeros(4, np.float32)),
        nir.Threshold(rng.integers(-1, 3, (4, 4, 4)) * scale + scale / 2),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        nir.Flatten({"input": np.array([4, 2, 2])}, 0, -1),
        nir.Affine(full, rng.integers(-1, 2, 6) * 0.25),
        nir.IF(np.ones(6), rng.integers(1, 8, 6) * 0.25, np.zeros(6)),
        nir.Output(np.array([6])),
    )


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("seed", range(3))
def test_a_graph_spikes_on_the_chip_when_its_equations_say(seed: int, engine: str) -> None:
    graph = network(seed, scale=[1.0, 0.5, float(np.float32(0.37))][seed])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # neurons that can never fire
        c = corelets.Graph(graph)
        x = np.random.default_rng(seed).random((40, 2, 8, 8)) < 0.4
        found = c.simulate(input=x, engine=engine).output
    wanted = evaluate(graph.nodes, graph.edges, {"input": x})["output"]
    assert wanted.any() and not wanted.all()
    assert np.array_equal(found, wanted)


def test_a_graph_comes_back_from_file_and_corelet_as_it_was(tmp_path: Path) -> None:
    graph = network(1)
    nir.write(tmp_path / "a.nir", graph)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        c = corelets.load(tmp_path / "a.nir")
    write_nir(c.steps.graph, tmp_path / "b.nir")
    back = nir.read(tmp_path / "b.nir", type_check=False)  # of nir 1.0.8 it knows no groups
    assert set(back.edges) == set(graph.edges)
    assert {n: type(k) for n, k in back.nodes.items()} == {
        n: type(k) for n, k in graph.nodes.items()
    }
    for name, field in (
        ("conv2d", "weight"),
        ("affine", "weight"),
        ("affine", "bias"),
        ("if", "v_threshold"),
        ("if", "r"),
        ("threshold", "threshold"),
    ):
        assert np.array_equal(getattr(back.nodes[name], field), getattr(graph.nodes[name], field))
    whole = back.nodes["if"].metadata
    assert whole["tnemu_step"].tolist() == [0.25] * 6
    assert whole["tnemu_at"].tolist() == (graph.nodes["if"].v_threshold * 4 + 1).tolist()
    assert set(to_nir(c.steps.graph).nodes) == set(graph.nodes)


def test_whatever_is_not_exact_is_listed_by_node_with_why() -> None:
    rng = np.random.default_rng(0)
    graph = nir.NIRGraph(
        {
            "input": nir.Input(np.array([4])),
            "fc1": nir.Linear(rng.random((3, 4)).astype(np.float32)),
            "if1": nir.IF(np.ones(3), np.ones(3), np.zeros(3)),
            "fc2": nir.Linear(np.ones((2, 3))),
            "lif": nir.LIF(np.ones(2), np.ones(2), np.zeros(2), np.ones(2), np.zeros(2)),
            "output": nir.Output(np.array([2])),
        },
        [("input", "fc1"), ("fc1", "if1"), ("if1", "fc2"), ("fc2", "lif"), ("lif", "output")],
    )
    with pytest.raises(GraphError) as caught:
        corelets.Graph(graph)
    assert [name for name, _ in caught.value.problems] == ["lif", "if1"]
    text = str(caught.value)
    assert text.startswith("NIRGraph: 2 of 6 nodes cannot be mapped exactly:\n  'lif' (LIF) ")
    assert "its potential decays exponentially, TrueNorth's leak is a constant" in text
    assert "'if1' (IF) has weights that are no whole multiples of one step: neuron " in text


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (nir.Scale(np.ones(2)), "it scales numbers that are no spikes"),
        (nir.IF(-np.ones(2), np.ones(2)), "has r = -1"),
        (nir.IF(np.ones(2), -np.ones(2)), "fires without input"),
        (nir.IF(np.ones(2), np.ones(2), np.full(2, 2.0)), "has a v_reset of 2 steps"),
        (nir.IF(np.ones(2), np.full(2, 1e6)), "has a threshold of 1,000,001 steps"),
        (nir.IF(np.ones(2), np.array([1.0, np.nan])), "has v_threshold with NaN or infinity"),
        (nir.Threshold(np.ones(3)), "takes an array of shape (3,), (2,) comes in"),
    ],
)
def test_a_node_outside_the_chip_is_refused_by_name(node: Any, why: str) -> None:
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([2])), "w": nir.Linear(np.eye(2)), "n": node,
         "output": nir.Output(np.array([2]))},
        [("input", "w"), ("w", "n"), ("n", "output")],
        type_check=False,
    )  # fmt: skip
    with pytest.raises(GraphError) as caught:
        corelets.Graph(graph)
    assert f"'n' ({type(node).__name__}) {why}" in str(caught.value)


def test_a_layer_drives_itself_a_tick_later() -> None:
    """x -> IF; IF -> Linear(-1, between neighbours) -> IF: the first spike silences the next tick."""
    graph = nir.NIRGraph(
        {
            "input": nir.Input(np.array([2])),
            "n": nir.IF(np.ones(2), np.full(2, 0.5)),
            "back": nir.Linear(-np.eye(2)),
            "output": nir.Output(np.array([2])),
        },
        [("input", "n"), ("n", "back"), ("back", "n"), ("n", "output")],
        type_check=False,
    )
    run = corelets.Graph(graph).simulate(input=np.ones((6, 2), bool))
    assert run.output[:, 0].tolist() == [True, False, True, False, True, False]


def test_others_files_are_read_where_they_are_in_the_subset(tmp_path: Path) -> None:
    """As sinabs writes IAF, with a batch axis kept as snnTorch does; LIF of snnTorch by its name."""
    torch = pytest.importorskip("torch")
    graph = nir.NIRGraph(
        {
            "input": nir.Input(np.array([1, 4])),
            "0": nir.Affine(torch.tensor([[1.0, -1, 1, 1]]), torch.zeros(1)),
            "1": nir.IF(r=torch.ones(1), v_threshold=torch.ones(1)),
            "output": nir.Output(np.array([1, 1])),
        },
        [("input", "0"), ("0", "1"), ("1", "output")],
        type_check=False,
    )
    nir.write(tmp_path / "a.nir", graph)
    c = corelets.load(tmp_path / "a.nir")
    assert list(c.parts) == ["_1"]
    x = np.ones((4, 1, 4), bool)
    assert c.simulate(input=x).output.ravel().tolist() == [True] * 4
    plan = tnemu.fit(tmp_path / "a.nir", "tiny")
    assert plan.size.cores == 1


def hdf5(path: Path, change: Any) -> Path:
    nir.write(path, network(0))
    with h5py.File(path, "a") as file:
        change(file)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.__setitem__("node/x", h5py.SoftLink("/version")), "'/node/x' is a SoftLink"),
        (
            lambda f: f.__setitem__("node/x", h5py.ExternalLink("/etc/passwd", "/")),
            "'/node/x' is a ExternalLink to elsewhere",
        ),
        (lambda f: f["node"].__setitem__("x", f["node"]), "is deeper than 16 groups"),
        (
            lambda f: f.create_dataset("x", (1 << 40,), "f8", chunks=(1 << 10,)),
            "bytes unpacked; split the file",
        ),
        (lambda f: f.create_dataset("x", data=np.ones(2, complex)), "has the type complex128"),
        (
            lambda f: f.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)]),
            "keeps its data in other files",
        ),
        (lambda f: f.__delitem__("node"), "is an HDF5 file without a graph of NIR"),
        (lambda f: f.__delitem__("node/edges"), "has no edges"),
    ],
)
def test_what_leads_out_of_a_file_or_is_too_large_is_refused(
    change: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError) as caught:
        read_nir(hdf5(tmp_path / "x.nir", change))
    assert message in str(caught.value)
