"""MATLAB arrays and sounds: what was written by the format's own description comes back."""

import struct

import numpy as np
import pytest
from data_files import mat_bytes, sphere_bytes, wav_bytes

from tnemu.formats.errors import FormatError
from tnemu.formats.mat_file import read_mat
from tnemu.formats.sound_file import read_sound


@pytest.mark.parametrize("packed", [True, False])
def test_arrays_of_a_matlab_file_come_back_column_by_column(tmp_path, packed):
    arrays = {
        "X": np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4),
        "y": np.array([[10], [2], [7]], np.uint8),
        "long_name": np.array([[0.5, -1.0]]),
    }
    (tmp_path / "a.mat").write_bytes(mat_bytes(arrays, packed))
    found = read_mat(tmp_path / "a.mat")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_what_scipy_writes_is_read(tmp_path):
    scipy = pytest.importorskip("scipy.io")
    array = np.random.default_rng(0).integers(0, 256, (4, 5, 3, 2)).astype(np.uint8)
    scipy.savemat(tmp_path / "a.mat", {"X": array, "cell": np.array([None])}, do_compression=True)
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat")["X"], array)


def test_other_and_cut_matlab_files_are_refused_by_name(tmp_path):
    good = mat_bytes({"X": np.zeros((2, 40), np.uint8)}, packed=False)
    cases = {
        b"\x89HDF\r\n\x1a\n" + bytes(200): "no MATLAB file of version 5; save it with -v7",
        good[:-60]: "cut off",
        mat_bytes({"X": np.zeros((2, 40), np.uint8)})[:-9]: "cut off",
    }
    for data, words in cases.items():
        (tmp_path / "a.mat").write_bytes(data)
        with pytest.raises(FormatError, match=words):
            read_mat(tmp_path / "a.mat")


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_of_a_wave_file_are_shares_of_full_scale(tmp_path, width):
    top = 1 << (8 * width - 1)
    values = np.array([-top, 0, top // 2])
    raw = values + 128 if width == 1 else values
    (tmp_path / "s.wav").write_bytes(wav_bytes(raw, 8000, width))
    samples, rate = read_sound(tmp_path / "s.wav")
    assert rate == 8000
    np.testing.assert_array_equal(samples, [-1, 0, 0.5])


def test_channels_are_averaged(tmp_path):
    (tmp_path / "s.wav").write_bytes(wav_bytes(np.array([100, 300, -200, 0]), 16000, channels=2))
    samples, _ = read_sound(tmp_path / "s.wav")
    np.testing.assert_array_equal(samples * 32768, [200, -100])


@pytest.mark.parametrize("order", ["01", "10"])
def test_sphere_files_are_read_in_either_byte_order(tmp_path, order):
    (tmp_path / "s.WAV").write_bytes(sphere_bytes(np.array([1, -2, 300]), 16000, order))
    samples, rate = read_sound(tmp_path / "s.WAV")
    assert rate == 16000
    np.testing.assert_array_equal(samples * 32768, [1, -2, 300])


def test_sounds_that_are_packed_cut_or_none_are_refused(tmp_path):
    good = wav_bytes(np.arange(100), 8000)
    at = good.index(b"fmt ") + 8
    cases = {
        b"OggS" + bytes(60): "neither RIFF WAVE nor NIST SPHERE",
        good[:at] + struct.pack("<H", 7) + good[at + 2 :]: "only uncompressed whole numbers",
        good[:-50]: "cut off",
        good[: good.index(b"data")]: "without sound",
        sphere_bytes(np.arange(9), 8000).replace(b"pcm", b"ulaw,embedded"): "only pcm",
    }
    for data, words in cases.items():
        (tmp_path / "s.wav").write_bytes(data)
        with pytest.raises(FormatError, match=words):
            read_sound(tmp_path / "s.wav")
