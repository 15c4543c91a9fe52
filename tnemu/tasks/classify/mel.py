"""Sound as a picture: the logarithm of its energy in bands of the mel scale, 32 x 32 by default.

    mel(f)    = 2595 log10(1 + f / 700)                         band edges equal steps of mel
    window    = 32 ms, Hann;  P[t, f] = |FFT(window_t)|^2
    E[t, b]   = sum_f triangle_b(f) P[t, f]                     b = 0 .. bands-1, 60 Hz .. 3.8 kHz
    seen[b, t] = round(255 (1 + max(dB(E) - dB(max E), -60) / 60))     row 0 is the highest band

Windows are 16 ms apart; a sound that is longer than the picture is looked at in wider steps, so that the
picture holds all of it, a shorter one is centred in silence. The loudest point of a sound is 255,
60 dB below it is 0: how loud a recording is changes nothing. At 8 kHz a window has 256 samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.tasks.classify.data import DataError, Images

WINDOW_S, STEP_S, LOWEST_HZ, HIGHEST_HZ, FLOOR_DB = 0.032, 0.016, 60.0, 3800.0, 60.0
LEAST_RATE = 2 * HIGHEST_HZ


def log_mel(samples: npt.NDArray[np.floating], rate_hz: int, bands: int, steps: int) -> Images:
    """The picture uint8 [1, bands, steps] of one sound. DataError for too slow a rate."""
    if rate_hz < LEAST_RATE:
        raise DataError(
            f"a sound of {rate_hz:,} samples a second; {LEAST_RATE:,.0f} or more are needed to hear "
            f"up to {HIGHEST_HZ:,.0f} Hz"
        )
    window = round(WINDOW_S * rate_hz)
    starts = _starts(len(samples), window, round(STEP_S * rate_hz), steps)
    before = max(0, -int(starts[0]))
    after = max(0, int(starts[-1]) + window - len(samples))
    padded = np.pad(np.asarray(samples, np.float64), (before, after))
    frames = padded[(starts + before)[:, None] + np.arange(window)] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    energy = power @ _triangles(window, rate_hz, bands)
    top = energy.max()
    if top <= 0:
        return np.zeros((1, bands, steps), np.uint8)
    decibels = 10 * np.log10(np.maximum(energy / top, 10 ** (-FLOOR_DB / 10)))
    levels = np.rint(255 * (1 + decibels / FLOOR_DB)).astype(np.uint8)
    return np.ascontiguousarray(levels.T[::-1])[None]


def _starts(length: int, window: int, step: int, steps: int) -> npt.NDArray[np.int64]:
    """First sample of every window; negative where the sound is padded."""
    whole = step * (steps - 1) + window
    if length > whole:
        return np.rint(np.linspace(0, length - window, steps)).astype(np.int64)
    return np.arange(steps, dtype=np.int64) * step - (whole - length) // 2


def _triangles(window: int, rate_hz: int, bands: int) -> npt.NDArray[np.float64]:
    """float [frequencies, bands]: how much each frequency of the FFT counts in each band."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(window, 1 / rate_hz)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    # a band narrower than the FFT's steps takes the nearest frequency
    empty = np.flatnonzero(weights.sum(0) == 0)
    nearest = np.abs(frequencies - edges[1:-1][empty]).argmin(0)
    weights[nearest, empty] = 1.0
    return weights
