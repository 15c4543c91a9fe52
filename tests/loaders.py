"""Every loader of the project with good files of its kind: a new one is a line of LOADERS.

A maker gets an empty folder and returns (load, good): ``load(data)`` reads a file of those bytes
(tests/fuzz_files.py).
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_files
import numpy as np
import random_boards
import rbms
import students
from formats import ibm_text
from fuzz_files import Made, by_path, in_tensors, in_zip, module, parts
from safetensors.numpy import save

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.lanes import LaneEmulator
from tnemu.formats.boltzmann import read_machine, write_machine
from tnemu.formats.connector_map import read_connectors
from tnemu.formats.idx import read_idx
from tnemu.formats.model_file import read_model
from tnemu.formats.probe_file import FIRING_DTYPE, iter_firings, write_firings
from tnemu.formats.spike_file import read_spikes, spikes, write_raw_spikes, write_spikes
from tnemu.formats.spike_pins import PinHeader, write_pin_spikes
from tnemu.formats.spike_records import SENT_DTYPE
from tnemu.formats.spike_words import write_sent_spikes
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.formats.tnbm_writer import write_tnbm
from tnemu.formats.weights import read_weights, write_weights
from tnemu.hardware import BoardImage, InputConnector, load_board
from tnemu.hardware.image import TAP_DTYPE
from tnemu.networks.trained import TaskReference
from tnemu.tasks.atari.spec import SPECS, AtariSpec, read_spec


def image() -> BoardImage:
    """Two busy cores of the tiny board, with an input."""
    chip = random_boards.SWITCHES[0]
    case = random_boards.make_case(1, 2, 5, 20, 0.5, noise=True, chip=chip)
    taps = np.array([(0, 0, 3, 1), (1, 1, 255, 15)], TAP_DTYPE)
    found = dataclasses.replace(case.image, inputs=(InputConnector("in", 2, taps),))
    found.validate()
    return found


def board_yaml(folder: Path) -> Made:
    library = Path(__file__).parents[1] / "boards"
    good = [file.read_bytes() for file in sorted(library.glob("*.yaml"))]
    dead = b"\ndead_cores:\n  - {x: 3, y: 1..2}\n  - unit: 0\n    x: 0..1\n    y: 0\n"
    good.append(good[-1] + dead)

    def read(path: Path) -> object:
        found = load_board(path)
        return found.core_count, found.sha256, found.alive_positions()

    return by_path(folder / "board.yaml", read), good


def board_image(folder: Path) -> Made:
    image().save(folder / "image")
    files = {file.name: file.read_bytes() for file in sorted((folder / "image").iterdir())}

    def put(name: str, content: bytes) -> object:
        (folder / "image" / name).write_bytes(content)
        try:
            found = BoardImage.load(folder / "image", verify=False)
            found.validate()  # and not the hash, which refuses whatever was changed
            return found.sha256()
        finally:
            (folder / "image" / name).write_bytes(files[name])

    return parts(files, put)


def weights(folder: Path, old: bool = False) -> Made:
    path = folder / "x.safetensors"
    task = TaskReference("atari", "pong", json.loads(SPECS["pong"].to_json()), SPECS["pong"].sha256)
    write_weights(dataclasses.replace(students.small(), task=task), path)
    if old:
        manifest = json.loads(load_facts(path)["tnemu"])
        manifest |= {"format": "tnemu-weights-1", "actions": manifest.pop("answers")}
        said = manifest.pop("task")
        manifest |= {"game": said["name"], "spec": said["spec"], "spec_sha256": said["sha256"]}
        save_tensors(path, load_tensors(path), {"tnemu": json.dumps(manifest)})
    return in_tensors(path, read_weights, "tnemu")


def atari_spec(folder: Path) -> Made:
    good = [spec.to_json().encode() for spec in list(SPECS.values())[:4]]
    good.append(b'{"game": "seaquest", "actions": ["NOOP", "UP"], "crop_top": 30}\n')
    read = by_path(folder / "spec.json", read_spec)

    def load(data: bytes) -> object:
        AtariSpec.from_json(data.decode("latin-1"), whole=False)
        return read(data)

    return load, good


def atari_view(folder: Path) -> Made:
    from tnemu.tasks.atari.view import view_named

    good = [b"{}", b'{"rows": 42, "crop_top": 10, "crop_rows": 100, "newest": "first"}']
    return by_path(folder / "view.json", view_named), good


def model(folder: Path, objects: bool = False) -> Made:
    """Small: most bytes of a real model are rows of a crossbar."""
    lists = ibm_text.model(2)
    lists["cores"][1]["metadata"] = {"coreletClass": "a", "layerNumber": 1, "layerType": "b"}
    head = ibm_text.model(1)
    head["crossbarTypes"] = []  # stops at its first core, so everything before it is reached
    good = [ibm_text.text(lists).encode(), json.dumps(head).encode()]
    if objects:
        other = ibm_text.model(1)
        other["model"]["neuronClass"] = other["model"].pop("neuronclass")
        other["cores"][0]["neurons"] = ibm_text.listed()
        good = [ibm_text.text(other).encode()]
    good.append(good[0].replace(b"{", b"/* { */ {"))
    return by_path(folder / "x.json", read_model), good


def compiled_model(folder: Path) -> Made:
    """The header, a core's header and some rows of it, each in place in an otherwise good file."""
    written = folder / "x.json"
    written.write_text(ibm_text.text(ibm_text.model(2)))
    write_tnbm(read_model(written), folder / "x.tnbm")
    whole = (folder / "x.tnbm").read_bytes()
    pieces = {"whole": (0, len(whole)), "head": (0, 32), "core": (32, 144), "rows": (144, 444)}

    def put(name: str, content: bytes) -> object:
        start, end = pieces[name]
        (folder / "y.tnbm").write_bytes(whole[:start] + content + whole[end:])
        return read_model(folder / "y.tnbm")

    return parts({name: whole[start:end] for name, (start, end) in pieces.items()}, put)


def spike_text(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    some = spikes(np.arange(20), rng.integers(0, 4000, 20), rng.integers(0, 256, 20))
    write_spikes(folder / "plain", some)
    write_spikes(folder / "delays", spikes([0, 1], [3, -32], [5, 6], [2, 15]), version="sfti1.0")
    inner = b'{"spike":{"srcTime":0,"srcCore":0,"srcNeuron":4,"destCore":9,"destAxon":1}}\n'
    plain = (folder / "plain").read_bytes()
    good = [plain, plain + inner, (folder / "delays").read_bytes()]
    return by_path(folder / "spikes", read_spikes), good


def spike_raw(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    some = spikes(np.arange(20), rng.integers(0, 4000, 20), rng.integers(0, 256, 20))
    write_raw_spikes(folder / "raw", some)
    return by_path(folder / "spikes", read_spikes), [(folder / "raw").read_bytes()]


def spike_sent(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    rows = np.ones(20, SENT_DTYPE)
    rows["from_core"], rows["core"] = rng.integers(0, 99, 20), rng.integers(-40, 99, 20)
    write_sent_spikes(folder / "sent", rows)
    return by_path(folder / "spikes", read_spikes), [(folder / "sent").read_bytes()]


def spike_pins(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    good = []
    for size in (200, 600):
        pin = rng.integers(0, size, 20)
        some = spikes(np.sort(rng.integers(0, 9, 20)), -32 - pin // 256, pin % 256)
        write_pin_spikes(folder / "pins", some, PinHeader(size, "class"), ticks=9)
        good.append((folder / "pins").read_bytes())
    return by_path(folder / "spikes", read_spikes), good


def connector_map(folder: Path) -> Made:
    records = []
    for name, direction in (("image", 0), ("class", 1)):
        head = struct.pack("<7I", 26, direction, 9, 9, 1, 1, len(name))
        pins = struct.pack("<9i9H", *range(8), -2, *range(8), 65535)
        records.append(head + name.encode("utf-16-le") + pins)
    return by_path(folder / "map.bin", read_connectors), [records[0], b"".join(records)]


def recording(folder: Path) -> Made:
    rows = np.array([(0, 3, 7), (2, 0, 255), (2**32 - 1, 2**31 - 1, 0)] * 9, FIRING_DTYPE)
    good = []
    for name in ("a.csv", "a.npz"):
        write_firings(folder / name, rows, False)
        good.append((folder / name).read_bytes())

    def read(path: Path) -> object:
        return [block.tolist() for block in iter_firings(path)]

    lines = by_path(folder / "fuzzed", read)
    arrays, members = in_zip(folder / "a.npz", read)

    def load(data: bytes) -> object:
        return arrays(data[1:]) if data[:1] == b"\1" else lines(data)

    return load, good + [b"\1" + member for member in members]


def snapshot(folder: Path) -> Made:
    """What is restored also runs: a hand-made file must not reach outside of memory."""
    board, path = image(), folder / "x.npz"
    with Emulator(board, engine="reference") as emulator:
        emulator.inject(0, 0, [1, 3, 40])
        emulator.run(3)
        emulator.snapshot(path)

    def read(file: Path) -> object:
        with Emulator.restore(board, file, engine="reference") as found:
            return found.run(1 if found.tick < 1 << 45 else 0)

    return in_zip(path, read)


def lanes_snapshot(folder: Path) -> Made:
    board, path = image(), folder / "x.npz"
    with LaneEmulator(board, 2) as emulator:
        emulator.run(3, {"in": np.ones((2, 2), np.bool_)})
        emulator.snapshot(path)

    def read(file: Path) -> object:
        with LaneEmulator.restore(board, file) as found:
            return found.run(1 if found.tick < 1 << 45 else 0)

    return in_zip(path, read)


def tensor_file(folder: Path) -> Made:
    path = folder / "x.safetensors"
    arrays = {"a": np.ones((2, 3), np.float32), "b": np.arange(5), "c": np.zeros((), np.bool_)}
    path.write_bytes(save(arrays, {"facts": "{}"}))
    return in_tensors(path, lambda file: (load_facts(file), load_tensors(file)), "facts")


# The files of trainings, on a small spec: a file of the usual one has megabytes.


def small_spec() -> AtariSpec:
    return AtariSpec("pong", ("NOOP", "UP", "DOWN"), crop_top=30, block=8, stack=1)


def teacher(folder: Path) -> Made:
    nets, spec, path = module("tnemu.learn.players.nets"), small_spec(), folder / "t.safetensors"
    net = module("tnemu.learn.players.duel").DuelNet(spec)
    nets.save_player(path, net, module("tnemu.learn.players.files").TEACHER, spec)
    return in_tensors(path, nets.load_teacher, "spec", "format")


def recorded_states(folder: Path) -> Made:
    states, spec, path = module("tnemu.learn.distil.states").States, small_spec(), folder / "round1"
    facts = {"spec_sha256": spec.sha256, "teacher_sha256": "ab" * 32}
    screens = np.ones((3, *spec.shape), np.uint8)
    states(screens, np.ones((3, 3), np.float32)).save(path, facts)
    labels = path / "q.npy"
    return by_path(labels, lambda _: states.load(path, spec, facts)), [labels.read_bytes()]


def checkpoint(folder: Path) -> Made:
    torch, spec = module("torch"), small_spec()
    kept = module("tnemu.learn.teachers.checkpoint")
    settings = module("tnemu.learn.teachers.settings").TeacherSettings("pong", str(folder))
    net = module("tnemu.learn.players.duel").DuelNet(spec)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, *spec.shape, dtype=torch.uint8)).sum().backward()
    optimiser.step()
    counters = kept.Checkpoint(settings, 100, 20, None, [], [])
    kept.save_checkpoint(folder, settings, spec, {"online": net}, optimiser, counters)

    def read(_: Path) -> object:
        return kept.read_checkpoint(folder, spec, {"online": net}, optimiser)

    return in_tensors(folder / kept.CHECKPOINT, read, "spec", "settings", "counters")


def stage_facts(folder: Path) -> Made:
    read = module("tnemu.learn.distil.stages").read_stage
    stage: dict[str, Any] = {"stage": "stage0", "states": 80, "iterations": 3, "device": "cpu"}
    stage |= {
        "learning_rate": 0.001,
        "val_kl": 0.5,
        "check_seeds": [0, 1],
        "check_scores": [1, -2.5],
    }
    load = by_path(folder / "stage0.json", lambda file: read(file, "stage0", ["pong"]))
    return load, [json.dumps(stage, indent=1).encode()]


def references(folder: Path) -> Made:
    read = module("tnemu.learn.distil.stages").read_references
    said = {"pong": {"teacher": 20.5, "random": -20.7}, "boxing": {"teacher": 98, "random": 0.1}}
    load = by_path(folder / "references.json", lambda file: read(file, list(said)))
    return load, [json.dumps(said, indent=1).encode()]


def training_curve(folder: Path) -> Made:
    curve = module("tnemu.learn.run.runs").Curve(folder, ("step", "loss"), lambda row: None)
    for step in range(9):
        curve.add(step=step, loss=step / 7)
    load = by_path(curve.path, lambda _: curve.keep(lambda row: row.get("step", "") < "5"))
    return load, [curve.path.read_bytes()]


def run_settings(folder: Path) -> Made:
    begin = module("tnemu.learn.run.runs").begin
    settings = module("tnemu.learn.teachers.settings").TeacherSettings("pong", str(folder))
    begin(folder, settings, False, ())
    path = folder / "settings.json"
    return by_path(path, lambda _: begin(folder, settings, True, ())), [path.read_bytes()]


def foreign_teacher(folder: Path) -> Made:
    """A checkpoint of torch; that of a whole network has megabytes, this one lacks its layers."""
    torch, adapters = module("torch"), module("tnemu.learn.players.adapters")
    state = {"network.0.weight": torch.zeros(2, 4, 8, 8), "network.0.bias": torch.zeros(2)}
    torch.save(state, folder / "x.pth")
    whole = (folder / "x.pth").read_bytes()
    load, good = in_zip(folder / "x.pth", lambda file: adapters.load_foreign(file, "pong"))
    with io.BytesIO() as packed:
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("policy.pth", whole)
        (folder / "y.zip").write_bytes(packed.getvalue())
    outer, more = in_zip(folder / "y.zip", lambda file: adapters.load_foreign(file, "pong"))

    def either(data: bytes) -> object:
        return (outer if data[:1] == b"\1" else load)(data[1:])

    return either, [b"\0" + data for data in good] + [b"\1" + data for data in more]


def boltzmann_machine(folder: Path) -> Made:
    write_machine(rbms.patch_machine(1, side=4, patch=2), folder / "m.safetensors")
    return in_tensors(folder / "m.safetensors", read_machine, "tnemu")


def nir_file(folder: Path) -> Made:
    from tnemu.networks.graph import nodes

    files = module("tnemu.formats.nir_file")
    module("h5py")
    graph = nodes.Graph.chain(
        nodes.Input((1, 3, 3)),
        nodes.Conv2d(np.array([[[[1.0, -1.0]]]]), np.zeros(1)),
        nodes.Threshold(np.array(0.5)),
        nodes.Flatten(),
        nodes.Affine(np.ones((1, 6)), np.ones(1)),
        nodes.IF(np.ones(1), np.ones(1), np.zeros(1)),
        nodes.Output((1,)),
    )
    files.write_nir(graph, folder / "x.nir")
    good = (folder / "x.nir").read_bytes()
    return by_path(folder / "y.nir", files.read_nir), [good]


def idx(folder: Path) -> Made:
    plain = bytes([0, 0, 8, 3, *(0, 0, 0, 2) * 3, *range(8)])
    return by_path(folder / "x", lambda file: read_idx(file, 3)), [plain, gzip.compress(plain)]


def pictures(folder: Path) -> Made:
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    np.savez(folder / "p.npz", images=images, labels=images[:, 0, 0])
    return in_zip(folder / "p.npz", module("tnemu.learn.boltzmann.images").load_images)


def boltzmann_checkpoint(folder: Path) -> Made:
    kept = module("tnemu.learn.boltzmann.training")
    rng = np.random.default_rng(0)
    arrays = [rng.random(shape).astype(np.float32) for shape in ((4, 2), 4, 2, (3, 4))]
    path, state = folder / "c.safetensors", kept.State(*arrays, rng)
    facts = {"epoch": "3", "rng": json.dumps(rng.bit_generator.state)}
    save_tensors(path, dict(zip(kept.State.ARRAYS, arrays, strict=True)), facts)
    return in_tensors(path, lambda file: kept.read_checkpoint(file, state), "rng", "epoch")


def mat_file(folder: Path) -> Made:
    from tnemu.formats.mat_file import read_mat

    arrays = {"X": data_files.random_pictures(2, 3), "y": np.array([[1.0, 2.0]])}
    good = [data_files.mat_bytes(arrays, packed) for packed in (False, True)]
    return by_path(folder / "f", read_mat), good


def plain_pickle(folder: Path) -> Made:
    from tnemu.formats.plain_pickle import read_plain_pickle

    images = data_files.random_pictures(1, 6)
    good = [data_files.python2_batch(images, [3]), data_files.modern_batch(images, [3], 4)]
    return by_path(folder / "f", read_plain_pickle), good


def sound_file(folder: Path) -> Made:
    from tnemu.formats.sound_file import read_sound

    samples = np.arange(12)
    good = [data_files.wav_bytes(samples, 8000), data_files.sphere_bytes(samples, 16000)]
    return by_path(folder / "f", read_sound), good


def picture_file(folder: Path) -> Made:
    from tnemu.tasks.classify.pictures import read_picture

    rgb = data_files.random_pictures(4, 4, 3)
    good = [data_files.picture_bytes(rgb, kind) for kind in ("PNG", "JPEG", "PPM", "BMP", "GIF")]
    return by_path(folder / "f", lambda path: read_picture(path, (3, 4, 4))), good


def classify_spec(folder: Path) -> Made:
    from tnemu.tasks.classify.spec import ClassifySpec

    spec = ClassifySpec("gtsrb", ("a", "b"), (3, 32, 32), True)
    return lambda data: ClassifySpec.from_json(data.decode("latin-1")), [spec.to_json().encode()]


LOADERS: dict[str, tuple[Callable[[Path], Made], int]] = {
    "board YAML": (board_yaml, 100),
    "board image": (board_image, 100),
    "weights 1": (lambda folder: weights(folder, old=True), 200),
    "weights 2": (weights, 200),
    "AtariSpec": (atari_spec, 3000),
    "AtariView": (atari_view, 300),
    "IBM model, lists": (model, 300),
    "IBM model, objects": (lambda folder: model(folder, objects=True), 250),
    "IBM model, compiled": (compiled_model, 200),
    "spikes, text": (spike_text, 250),
    "spikes, RAWI3": (spike_raw, 300),
    "spikes, RAWO6": (spike_sent, 250),
    "spikes, CONNPIN": (spike_pins, 200),
    "connector map": (connector_map, 200),
    "recording": (recording, 250),
    "snapshot": (snapshot, 100),
    "snapshot of lanes": (lanes_snapshot, 150),
    "tensor file": (tensor_file, 250),
    "teacher": (teacher, 200),
    "recorded states": (recorded_states, 150),
    "training checkpoint": (checkpoint, 100),
    "training stage": (stage_facts, 250),
    "training references": (references, 300),
    "training curve": (training_curve, 100),
    "training settings": (run_settings, 150),
    "Boltzmann machine": (boltzmann_machine, 250),
    "Boltzmann checkpoint": (boltzmann_checkpoint, 250),
    "NIR": (nir_file, 150),
    "IDX": (idx, 300),
    "pictures": (pictures, 250),
    "foreign teacher": (foreign_teacher, 10),
    "MATLAB": (mat_file, 300),
    "plain pickle": (plain_pickle, 300),
    "sound": (sound_file, 300),
    "picture": (picture_file, 200),
    "ClassifySpec": (classify_spec, 2000),
}
"""Name -> (maker, inputs that take about half a second)."""
