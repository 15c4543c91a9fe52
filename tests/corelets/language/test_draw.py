"""The picture of a corelet shows its parts, one in the other, and what is wired to what."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from corelets import (
    CLEAR,
    Accumulator,
    Corelet,
    CoreletError,
    DLatch,
    Frame,
    Input,
    Leaky,
    Output,
    Relay,
    UpDown,
)
from corelets.language.draw import picture

SVG = "{http://www.w3.org/2000/svg}"


class Top(Corelet):
    def __init__(self):
        self.x, self.clear, self.z = Input((2, 2), code=Frame()), Input(), Output(4)
        self.relay, self.latch = Relay(4), DLatch(4)
        self.x.flat >> self.relay >> self.latch.d
        self.clear >> self.latch.enable
        self.sums = Accumulator(at=3)[4](
            3 * self.latch.q, -self.x.flat.after(2), CLEAR * self.clear
        )
        self.leak = Leaky(at=4, leak=1)[4](self.sums)
        -self.leak.loop(2) >> self.leak
        (self.leak | self.relay.output) >> self.z


def texts(svg):
    return [node.text for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_picture_names_ports_codes_neurons_parts_weights_and_times():
    top = Top()
    found = texts(picture(top))
    for text in (
        "Top",
        "x [2, 2]",
        "Frame()",
        "clear [1]",
        "z [4]",
        "sums [4]",
        "Accumulator(at=3, floor=0)",
        "relay: Relay",
        "latch: DLatch",
        "Latch()",
        "+3",
        "-1, after 2",
        "CLEAR",
        "-1, loop 2",
        "or",
    ):
        assert text in found, text
    assert "Latch()" not in texts(picture(top, depth=1))
    assert "latch: DLatch (d, enable, q)" in texts(picture(top, depth=1))
    top.build()


def boxes(node, x=0.0, y=0.0):
    """Rectangles with their place in the whole picture."""
    for child in node:
        if child.tag == f"{SVG}rect" and child.get("x"):
            yield tuple(float(child.get(k)) for k in ("x", "y", "width", "height")), x, y
        if child.tag == f"{SVG}g":
            dx, dy = map(float, re.findall(r"-?[\d.]+", child.get("transform")))
            yield from boxes(child, x + dx, y + dy)


def test_boxes_of_one_scene_do_not_overlap_and_lie_inside_their_part():
    top = Top()
    root = ElementTree.fromstring(picture(top))
    top.build()
    scenes = {}
    for (x, y, w, h), dx, dy in boxes(root):
        scenes.setdefault((dx, dy), []).append((x + dx, y + dy, w, h))
    assert len(scenes) == 4  # the top's frame, its inside, and two parts
    width, height = float(root.get("width")), float(root.get("height"))
    for mine in scenes.values():
        for k, (x, y, w, h) in enumerate(mine):
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height
            for x2, y2, w2, h2 in mine[k + 1 :]:
                assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_spikes_go_to_the_right_and_only_feedback_is_dashed():
    top = Top()
    root = ElementTree.fromstring(picture(top, depth=1))
    top.build()
    paths = [p for p in root.iter(f"{SVG}path") if p.get("stroke")]
    dashed = [p for p in paths if p.get("stroke-dasharray")]
    assert len(paths) == 11
    assert len(dashed) == 1
    for path in paths:
        x = [float(v) for v in re.findall(r"-?[\d.]+", path.get("d"))]
        assert (x[0] < x[-2]) == (path not in dashed)


def test_it_is_written_to_a_file_and_counts_as_use(tmp_path, recwarn):
    path = Relay(3).draw(tmp_path / "relay.svg")
    assert path.read_text().startswith("<svg ")
    assert not [w for w in recwarn if "never used" in str(w.message)]


@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(
        CoreletError, match=r"draw\('x.png'\): pictures of corelets are SVG; name the file"
    ):
        Relay(2).draw("x.png")
    with pytest.raises(
        CoreletError, match=r"draw\(\): depth = 0: must be a whole number in 1\.\.32"
    ):
        Relay(2).draw(tmp_path / "x.svg", depth=0)
    with pytest.raises(
        CoreletError, match=r"has 2,\d{3} boxes to depth 3, a picture holds 2,000; draw it"
    ):
        UpDown(1).times(500).draw(tmp_path / "x.svg")
