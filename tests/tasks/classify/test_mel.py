"""A sound as a picture: a tone is a line in its band, loudness changes nothing, silence is black."""

import numpy as np
import pytest

from tnemu.tasks.classify.data import DataError
from tnemu.tasks.classify.mel import HIGHEST_HZ, LOWEST_HZ, log_mel

RATES = (8000, 16000, 22050)


def tone(hz, seconds, rate):
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [300, 1000, 3000])
def test_a_tone_is_loudest_in_its_own_band(rate, hz):
    picture = log_mel(tone(hz, 0.6, rate), rate, 32, 32)[0]
    mel = 2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ, hz]) / 700)
    band = (mel[2] - mel[0]) / (mel[1] - mel[0]) * 33 - 1  # centres are equal steps of mel
    assert abs((31 - picture.sum(axis=1).argmax()) - band) <= 1
    assert picture.max() == 255


@pytest.mark.parametrize("seconds", [0.02, 0.2, 0.528, 2.0])
def test_any_length_gives_the_same_size_and_loudness_does_not_matter(seconds):
    sound = np.random.default_rng(0).normal(size=int(8000 * seconds))
    picture = log_mel(sound, 8000, 32, 24)
    assert picture.shape == (1, 32, 24)
    assert abs(picture.astype(int) - log_mel(sound / 1000, 8000, 32, 24)).max() <= 1


def test_a_short_sound_stands_in_the_middle_of_silence():
    picture = log_mel(tone(1000, 0.1, 8000), 8000, 32, 32)[0]
    heard = np.flatnonzero(picture.max(axis=0) > 128)
    assert abs(heard.mean() - 15.5) < 1
    assert picture[:, :8].max() == picture[:, -8:].max() == 0


def test_silence_is_black_and_slow_rates_are_refused():
    assert not log_mel(np.zeros(4000), 8000, 32, 32).any()
    with pytest.raises(DataError, match="a sound of 4,000 samples a second; 7,600 or more"):
        log_mel(np.zeros(4000), 4000, 32, 32)
