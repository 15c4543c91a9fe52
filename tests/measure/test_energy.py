"""The energy estimate against the published points it rests on."""

from __future__ import annotations

import pytest

from tnemu.measure import energy

NEURONS = 1 << 20


@pytest.mark.parametrize(("rate_hz", "published_mw"), [(11.58, 68), (20.07, 71), (95.93, 94)])
def test_the_model_meets_the_measurements_it_was_drawn_through(
    rate_hz: float, published_mw: float
) -> None:
    operations_per_s = int(NEURONS * rate_hz * 128)
    found = energy.estimate(operations_per_s, ticks=1000, tick_us=1000)
    assert found.power_mw == pytest.approx(published_mw, rel=0.01)


def test_power_is_at_the_hardware_tick_whatever_the_ticks_took_to_emulate() -> None:
    once = energy.estimate(10**6, ticks=100, tick_us=1000)
    twice_as_long = energy.estimate(10**6, ticks=100, tick_us=2000)
    assert once.counted_mw == pytest.approx(10**6 * 2.297e-12 / 0.1 * 1e3)
    assert twice_as_long.counted_mw == pytest.approx(once.counted_mw / 2)
    assert twice_as_long.hardware_s == pytest.approx(0.2)


def test_counted_and_assumed_add_up() -> None:
    found = energy.estimate(5 * 10**9, ticks=1000, tick_us=1000, chips=1)
    assert found.counted_mw == pytest.approx(5 * 2.297)
    assert found.assumed_mw == 64.4
    assert found.power_mw == pytest.approx(found.counted_mw + found.assumed_mw)
    assert found.energy_mj == pytest.approx(found.power_mw)  # over one second


def test_every_powered_chip_adds_its_static_part() -> None:
    assert energy.estimate(0, ticks=10, tick_us=1000, chips=16).power_mw == 16 * 64.4


def test_a_run_without_ticks_has_only_the_static_part() -> None:
    found = energy.estimate(0, ticks=0, tick_us=1000)
    assert (found.power_mw, found.energy_mj) == (64.4, 0.0)


def test_components_scale_with_what_was_counted() -> None:
    full = energy.components(1000, cores=4096, hops=0, chip_crossings=0, output_spikes=0)
    assert full["synapse_memory_mj"] == pytest.approx(20.0)  # 20 mW at 1 kHz
    half = energy.components(
        1000, cores=2048, hops=10**9, chip_crossings=3 * 10**6, output_spikes=2 * 10**6
    )
    assert half["synapse_memory_mj"] == pytest.approx(10.0)
    assert half["hops_mj"] == pytest.approx(2.3)
    assert half["chip_edges_mj"] == pytest.approx(3 * 0.064)
    assert half["chip_to_chip_mj"] == pytest.approx(0.832)  # two of three only left the board
    assert half["lower_bound_mj"] == pytest.approx(10.0 + 2.3 + 0.192 + 0.832)


def test_the_report_names_the_sources_of_its_coefficients() -> None:
    found = energy.energy_report(
        energy.estimate(1, 1, tick_us=1000), energy.components(1, 1, 1, 1, 0)
    )
    assert "Akopyan" in found["source"]
    assert "Merolla" in found["components"]["source"]
    assert "not a measurement" in found["note"]
