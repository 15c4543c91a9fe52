"""The catalogue is the library, and every entry computes on every engine what its model says."""

from __future__ import annotations

import types

import numpy as np
import pytest

import corelets
import tnemu
from corelets import Corelet, CoreletError, Input, Output, Relay, catalogue, check
from corelets.language.check import drawn
from corelets.language.raster import answers
from corelets.library.entry import Entry, Port

ENTRIES = catalogue.entries()
EXAMPLES = [
    pytest.param(entry, example, id=f"{name}-{number}")
    for name, entry in ENTRIES.items()
    for number, example in enumerate(entry.examples)
]


def rasters(entry, corelet, seed, ticks=24):
    if entry.stimulus:
        return entry.stimulus(corelet)(np.random.default_rng(seed), ticks)
    inputs = [port for port in corelet.ports.values() if isinstance(port, Input)]
    return drawn(inputs, np.random.default_rng(seed), ticks)


# -- every entry -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("entry", "example"), EXAMPLES)
def test_an_entry_computes_what_its_model_says(entry, example):
    corelet = example()
    stimulus = entry.stimulus and entry.stimulus(corelet)
    checked = check(corelet, runs=4, ticks=40, stimulus=stimulus)
    assert checked.engines == ("compiled", "reference")


@pytest.mark.parametrize(("entry", "example"), EXAMPLES)
def test_an_entry_says_what_its_plan_says(entry, example):
    corelet = example()
    sheet = entry.sheet(corelet)
    plan = tnemu.fit(corelet, tnemu.load_board("tiny"))
    assert sheet.latency_ticks == plan.latency_ticks
    assert sheet.cores == sum(layer.parts for layer in plan.layers)
    image = plan.image
    widths = {("input", c.name): c.width for c in image.inputs}
    widths |= {("output", c.name): c.width for c in image.outputs}
    assert {(p.direction, p.name): p.width for p in sheet.ports} == widths


@pytest.mark.parametrize(("entry", "example"), EXAMPLES)
def test_what_comes_later_changes_nothing_in_a_model(entry, example):
    corelet = example()
    given = rasters(entry, corelet, 7)
    whole = answers(corelet, given, 24, chances=True)
    corelet.build()
    for ticks in (1, 9):
        part = {name: raster[:ticks] for name, raster in given.items()}
        for name, answer in answers(corelet, part, ticks, chances=True).items():
            np.testing.assert_array_equal(answer, whole[name][:ticks])


@pytest.mark.parametrize("name", list(ENTRIES))
def test_some_answer_of_an_entry_has_spikes_and_some_has_gaps(name):
    """Else an empty board would agree with the model."""
    found = []
    for example in ENTRIES[name].examples:
        corelet = example()
        found += answers(
            corelet, rasters(ENTRIES[name], corelet, 3, 200), 200, chances=True
        ).values()
        corelet.build()
    everything = np.concatenate([answer.ravel() for answer in found])
    assert 0.02 < everything.mean() < 0.98


# -- what the catalogue is -------------------------------------------------------------------------


def test_every_public_corelet_of_the_library_is_an_entry():
    public = {
        name
        for name, value in vars(corelets).items()
        if isinstance(value, type) and issubclass(value, Corelet) and value is not Corelet
    }
    assert {"Relay", "Student"} < public <= set(ENTRIES)


def test_a_sheet_names_ports_latency_cores_line_and_source():
    sheet = ENTRIES["Splitter"].sheet(corelets.Splitter(200, 3))
    assert sheet.ports == (Port("input", "input", 200), Port("output", "output", 600))
    assert (sheet.latency_ticks, sheet.cores) == (2, 3)
    assert str(sheet) == (
        "Splitter: output[c * width + i] = input[i] for every copy c < copies, one tick later.\n"
        "  input input: 200 pins\n"
        "  output output: 600 pins\n"
        "  latency 2 ticks, 3 cores\n"
        "  source: Amir et al., IJCNN 2013 (the corelet library: splitters)"
    )
    with pytest.raises(CoreletError, match="is no Splitter; give one, or nothing for an example"):
        ENTRIES["Splitter"].sheet(4)


class Bare(Corelet):
    """output[i] = input[i], one tick later, and nobody says so in numpy."""

    def __init__(self):
        self.input, self.output, self.relay = Input(1), Output(1), Relay(1)
        self.connect(self.input, self.relay.input)
        self.connect(self.relay.output, self.output)


class Modelled(Bare):
    """The same, said."""

    def model(self, input):
        return input


class Wordless(Modelled):
    pass


def entry(corelet=Modelled, source="a book", latency_ticks=lambda _: 2, examples=(Modelled,)):
    return Entry(corelet, source, latency_ticks, examples)


@pytest.mark.parametrize(
    ("change", "lack"),
    [
        ({"corelet": Bare}, r"Bare cannot be an entry, it lacks model\(\), what it computes in"),
        ({"examples": ()}, "Modelled cannot be an entry, it lacks examples, a tuple of functions"),
        ({"examples": (Relay(1),)}, "it lacks examples"),
        ({"corelet": Wordless}, "Wordless cannot be an entry, it lacks a docstring"),
        ({"source": ""}, "it lacks a source"),
        ({"latency_ticks": 2}, "it lacks a latency, a function"),
        ({"corelet": Bare, "source": ""}, r"lacks model\(\), what it computes in numpy; a source"),
        ({"corelet": int}, "<class int> is no class of corelets"),
        ({"corelet": Relay(1)}, "<Relay> is no class of corelets"),
    ],
)
@pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")
def test_an_entry_without_a_model_or_an_example_cannot_be_made(change, lack):
    assert entry().name == "Modelled"
    with pytest.raises(CoreletError, match=f"^catalogue: .*{lack}"):
        entry(**change)


def module(name=__name__, **content):
    made = types.ModuleType(name)
    vars(made).update(content)
    return made


def test_a_module_declares_all_its_corelets_and_only_those():
    assert list(catalogue.collect([module(Modelled=Modelled, ENTRIES=(entry(),))])) == ["Modelled"]
    # borrowed and private corelets, and modules without any, declare nothing
    assert catalogue.collect([module(_Bare=Bare, Relay=Relay), module()]) == {}
    with pytest.raises(
        CoreletError, match=r"^catalogue: Bare of .* is not in its ENTRIES; declare"
    ):
        catalogue.collect([module(Bare=Bare)])
    with pytest.raises(CoreletError, match=r"^catalogue: ENTRIES of other holds <Entry>; it holds"):
        catalogue.collect([module("other", ENTRIES=(entry(),))])
    with pytest.raises(CoreletError, match=r"^catalogue: ENTRIES of .* holds 'Bare'; it holds an"):
        catalogue.collect([module(ENTRIES=("Bare",))])
    with pytest.raises(CoreletError, match=r"^catalogue: Modelled of .* is there already, from"):
        catalogue.collect([module(ENTRIES=(entry(),)), module(ENTRIES=(entry(),))])


def test_a_corelet_without_a_model_says_how_to_give_it_one():
    bare = Bare()
    bare.build()
    with pytest.raises(
        CoreletError, match=r"^Bare \(.*\) has no model; define model\(self, input\) in Bare, which"
    ):
        bare.model(input=np.zeros((3, 1), bool))
    with pytest.raises(CoreletError, match="has no model; define"):
        check(bare)
