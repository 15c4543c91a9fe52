"""Every official layout, made small by the test, comes back picture by picture; what is wrong is named."""

import gzip
import hashlib
import shutil

import numpy as np
import pytest
from data_files import (
    idx_bytes,
    mat_bytes,
    modern_batch,
    picture_bytes,
    python2_batch,
    random_pictures,
    sphere_bytes,
    wav_bytes,
    write,
)

from tnemu.errors import TnemuError
from tnemu.tasks.classify import cifar, idx, svhn
from tnemu.tasks.classify.arrays import load_arrays
from tnemu.tasks.classify.catalogue import DATA_SETS, load
from tnemu.tasks.classify.cifar import load_cifar10, load_cifar100
from tnemu.tasks.classify.contrast import normalised
from tnemu.tasks.classify.data import DataError
from tnemu.tasks.classify.folders import load_folders
from tnemu.tasks.classify.gtsrb import load_gtsrb
from tnemu.tasks.classify.idx import load_idx
from tnemu.tasks.classify.logos import load_logos
from tnemu.tasks.classify.spoken import load_spoken
from tnemu.tasks.classify.svhn import load_svhn
from tnemu.tasks.classify.timit import CLASSES, FOLDED, load_timit

COLOUR = (3, 32, 32)


def published(monkeypatch, module, folder):
    """The made files are the published ones: their hashes are known."""
    known = {
        f.name: hashlib.md5(f.read_bytes()).hexdigest() for f in folder.rglob("*") if f.is_file()
    }
    monkeypatch.setattr(module, "MD5", module.MD5 | known)


def test_digits_need_nothing_and_are_those_of_uci():
    data = load("digits", None)
    assert (len(data.train), len(data.test), data.shape) == (1437, 360, (1, 8, 8))
    first = np.rint(data.train.images[0, 0] * (16 / 255)).astype(int)  # the 0 of every tutorial
    np.testing.assert_array_equal(first[0], [0, 0, 5, 13, 9, 1, 0, 0])
    np.testing.assert_array_equal(data.train.labels[:10], range(10))
    assert np.bincount(np.concatenate([data.train.labels, data.test.labels])).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_plain_and_packed(tmp_path, monkeypatch, end):
    pack = gzip.compress if end else bytes
    pictures = {"train": random_pictures(3, 28, 28), "test": random_pictures(2, 28, 28, seed=1)}
    for part, names in idx.NAMES.items():
        write(tmp_path / (names[0] + end), pack(idx_bytes(pictures[part])))
        write(tmp_path / (names[1] + end), pack(idx_bytes(np.arange(len(pictures[part])))))
    if end:
        with pytest.raises(DataError, match="the published file f68b3c2dcbeaaa9fbdd348bbdeb94873"):
            load_idx(tmp_path, (1, 28, 28), "mnist")
        files = {f.name: hashlib.md5(f.read_bytes()).hexdigest() for f in tmp_path.iterdir()}
        monkeypatch.setitem(idx.MD5, "mnist", files)
    data = load_idx(tmp_path, (1, 28, 28), "mnist")
    np.testing.assert_array_equal(data.train.images[:, 0], pictures["train"])
    np.testing.assert_array_equal(data.test.labels, [0, 1])
    with pytest.raises(DataError, match="3 pictures in the train part, 60,000 were published"):
        load("mnist", tmp_path)


@pytest.mark.parametrize("writer", ["python 2", "protocol 2", "protocol 4", "binary"])
def test_cifar_10_in_its_layouts(tmp_path, monkeypatch, writer):
    folder = tmp_path / ("cifar-10-batches-bin" if writer == "binary" else "cifar-10-batches-py")
    names = [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]
    images = random_pictures(12, 3072)
    for k, name in enumerate(names):
        two, labels = images[2 * k : 2 * k + 2], [k, 9 - k]
        if writer == "binary":
            records = np.concatenate([np.array(labels, np.uint8)[:, None], two], axis=1)
            write(folder / f"{name}.bin", records.tobytes())
        elif writer == "python 2":
            write(folder / name, python2_batch(two, labels))
        else:
            write(folder / name, modern_batch(two, labels, int(writer[-1])))
    if writer != "binary":
        with pytest.raises(DataError, match="the published file c99cafc152244af753f735de768cd75f"):
            load_cifar10(tmp_path, COLOUR)
    published(monkeypatch, cifar, folder)
    data = load_cifar10(tmp_path, COLOUR)
    np.testing.assert_array_equal(data.train.images.reshape(10, -1), images[:10])
    assert data.train.labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert data.test.labels.tolist() == [5, 4]
    red = images[0, :1024].reshape(32, 32)  # red plane first, row by row
    np.testing.assert_array_equal(data.train.images[0, 0], red)


def test_cifar_100_names_its_fine_classes(tmp_path, monkeypatch):
    names = [f"class{k}" for k in range(100)]
    images = random_pictures(2, 3072)
    for name, label in (("train", 99), ("test", 7)):
        write(tmp_path / name, python2_batch(images, [label, 0], "fine_labels"))
    import pickle

    write(tmp_path / "meta", pickle.dumps({"fine_label_names": names}, protocol=2))
    published(monkeypatch, cifar, tmp_path)
    data = load_cifar100(tmp_path, COLOUR)
    assert data.classes == tuple(names)
    assert data.train.labels.tolist() == [99, 0]


def test_cifar_as_folders_of_pictures(tmp_path):
    pictures = random_pictures(20, 32, 32, 3)
    for k, name in enumerate(cifar.CIFAR10_CLASSES):
        for part, picture in (("train", pictures[k]), ("test", pictures[10 + k])):
            write(tmp_path / part / name / "0001.png", picture_bytes(picture))
    data = load_cifar10(tmp_path, COLOUR)
    np.testing.assert_array_equal(data.train.images.transpose(0, 2, 3, 1), pictures[:10])
    np.testing.assert_array_equal(data.test.labels, range(10))
    shutil.rmtree(tmp_path / "train" / "cat")
    shutil.rmtree(tmp_path / "test" / "cat")
    with pytest.raises(DataError, match="the class folders are airplane, automobile, bird, deer"):
        load_cifar10(tmp_path, COLOUR)


def test_svhn_counts_ten_as_nought(tmp_path, monkeypatch):
    x = random_pictures(4, 32, 32, 3).transpose(1, 2, 3, 0)
    for name in svhn.MD5:
        write(tmp_path / name, mat_bytes({"X": x, "y": np.array([[10.0], [1], [9], [10]])}))
    with pytest.raises(DataError, match="the published file e26dedcc"):
        load_svhn(tmp_path, COLOUR)
    published(monkeypatch, svhn, tmp_path)
    data = load_svhn(tmp_path, COLOUR)
    assert data.train.labels.tolist() == [0, 1, 9, 0]
    np.testing.assert_array_equal(data.train.images[2], x[:, :, :, 2].transpose(2, 0, 1))


def test_gtsrb_cuts_the_sign_and_groups_the_track(tmp_path):
    rng = np.random.default_rng(0)
    sign = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    picture = np.zeros((40, 44, 3), np.uint8)
    picture[5:37, 6:38] = sign
    head = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"
    for label in range(43):
        folder = tmp_path / "GTSRB" / "Final_Training" / "Images" / f"{label:05}"
        rows = "".join(f"0000{k // 2}_0000{k % 2}.ppm;44;40;6;5;37;36;{label}\n" for k in range(4))
        write(folder / f"GT-{label:05}.csv", head + rows)
        for k in range(4):
            write(folder / f"0000{k // 2}_0000{k % 2}.ppm", picture_bytes(picture, "PPM"))
    test = tmp_path / "GTSRB" / "Final_Test" / "Images"
    write(test / "00000.ppm", picture_bytes(picture, "PPM"))
    write(tmp_path / "GT-final_test.csv", head + "00000.ppm;44;40;6;5;37;36;16\n")
    data = load_gtsrb(tmp_path, COLOUR)
    assert len(data.train) == 172
    np.testing.assert_array_equal(data.test.images[0].transpose(1, 2, 0), sign)
    assert data.test.labels.tolist() == [16]
    assert data.train.groups[:6].tolist() == [0, 0, 1, 1, 2, 2]
    write(tmp_path / "GT-final_test.csv", "Filename;Width\n00000.ppm;44\n")
    with pytest.raises(DataError, match=r"line 2: needs Filename; Roi\.X1"):
        load_gtsrb(tmp_path, COLOUR)


def test_logos_are_cut_from_their_boxes(tmp_path):
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (50, 60, 3)).astype(np.uint8)
    for brand in ("adidas", "ups"):
        write(tmp_path / "classes" / "jpg" / brand / "1.jpg", picture_bytes(photo, "PNG"))
        boxes = "x y width height\n4 3 32 32\n" + "10 11 32 32\n" * (brand == "ups")
        write(tmp_path / "classes" / "masks" / brand / "1.jpg.bboxes.txt", boxes)
    write(tmp_path / "classes" / "jpg" / "no-logo" / "9.jpg", picture_bytes(photo))
    lists = ("trainset", "valset-logosonly", "testset-logosonly")
    for name, brand in zip(lists, ("adidas", "ups", "ups"), strict=True):
        lines = f"classes/jpg/{brand}/1.jpg\nclasses/jpg/no-logo/9.jpg\n"
        write(tmp_path / f"{name}.relpaths.txt", lines)
    data = load_logos(tmp_path, COLOUR)
    assert data.classes == ("adidas", "ups")
    assert data.train.labels.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(data.train.images[0].transpose(1, 2, 0), photo[3:35, 4:36])
    np.testing.assert_array_equal(data.test.images[1].transpose(1, 2, 0), photo[11:43, 10:42])


def spoken(folder, takes=7):
    rng = np.random.default_rng(0)
    for digit in range(10):
        for speaker in ("ann", "bob"):
            for take in range(takes):
                sound = rng.integers(-9000, 9000, 3000)
                write(
                    folder / "recordings" / f"{digit}_{speaker}_{take}.wav", wav_bytes(sound, 8000)
                )


def test_spoken_digits_test_takes_nought_to_four(tmp_path):
    spoken(tmp_path)
    data = load_spoken(tmp_path, (1, 32, 32))
    assert (len(data.train), len(data.test)) == (10 * 2 * 2, 10 * 2 * 5)
    bobs = load_spoken(tmp_path, (1, 32, 32), unseen="bob")
    assert (len(bobs.train), len(bobs.test)) == (70, 70)
    with pytest.raises(DataError, match="speaker 'eve' is not there; choose among ann, bob"):
        load_spoken(tmp_path, (1, 32, 32), unseen="eve")


def test_timit_folds_61_phones_to_39_and_leaves_out_sa_and_q(tmp_path):
    assert len(CLASSES) == 39
    assert len((set(CLASSES) - {"sil"}) | set(FOLDED)) == 60  # and q
    rng = np.random.default_rng(0)
    phones = "0 800 h#\n800 1600 ix\n1600 2000 q\n2000 3200 zh\n"
    for part in ("TRAIN", "TEST"):
        for sentence in ("SA1", "SX3"):
            place = tmp_path / part / "DR1" / "FCJF0" / sentence
            sound = sphere_bytes(rng.integers(-9000, 9000, 3200), 16000)
            write(place.with_suffix(".WAV"), sound)
            write(place.with_suffix(".PHN"), phones)
    data = load_timit(tmp_path, (1, 32, 32))
    assert [CLASSES[k] for k in data.train.labels] == ["sil", "ih", "sh"]
    write(tmp_path / "TEST" / "DR1" / "FCJF0" / "SX3.PHN", "0 9000 xx\n")
    with pytest.raises(DataError, match="line 1: '0 9000 xx' is no phone of TIMIT"):
        load_timit(tmp_path, (1, 32, 32))


def test_a_folder_without_a_split_gives_every_fifth_to_the_test(tmp_path):
    pictures = random_pictures(12, 32, 32, 3)
    for k, picture in enumerate(pictures):
        write(tmp_path / ("no" if k < 7 else "yes") / f"{k:02}.png", picture_bytes(picture))
    data = load_folders(tmp_path, "pictures", COLOUR)
    assert data.classes == ("no", "yes")
    np.testing.assert_array_equal(data.test.images.transpose(0, 2, 3, 1), pictures[[4, 11]])
    assert data.train.labels.tolist() == [0] * 6 + [1] * 4


def test_pictures_of_another_size_and_colour_are_made_alike(tmp_path):
    for name in ("a", "b"):
        for k in range(5):
            write(tmp_path / name / f"{k}.png", picture_bytes(np.full((64, 48), 77, np.uint8)))
    data = load_folders(tmp_path, "pictures", COLOUR)
    assert (data.train.images == 77).all()


def test_arrays_of_either_label_type_and_channel_count(tmp_path):
    for kind, shape in ((np.uint8, (9, 9)), (np.int32, (9, 9, 3)), (np.int64, (9, 9, 1))):
        x = random_pictures(4, *shape)
        parts = {"train_x": x, "test_x": x[:2], "train_y": np.array([0, 1, 2, 1], kind)}
        np.savez(tmp_path / "a.npz", **parts, test_y=np.array([2, 0], kind))
        data = load_arrays(tmp_path / "a.npz", "mine")
        assert data.shape == ((shape[2] if len(shape) == 3 else 1), 9, 9)
        assert data.classes == ("0", "1", "2")
        np.testing.assert_array_equal(
            data.test.images[1].transpose(1, 2, 0).squeeze(), x[1].squeeze()
        )


def test_contrast_is_made_equal_whatever_the_light():
    picture = random_pictures(1, 3, 16, 16) // 2
    darker = (picture.astype(int) // 2).astype(np.uint8)
    bright, dark = normalised(picture), normalised(darker)
    assert abs(bright.astype(int) - dark.astype(int)).max() <= 4
    assert abs(bright.mean() - 128) < 1
    assert (normalised(np.full((1, 1, 4, 4), 9, np.uint8)) == 128).all()


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("cifer10", "x", "did you mean 'cifar10'"),
        ("cifar10", None, "data set 'cifar10' needs --data PATH: data_batch_1"),
        ("gtsrb", "nowhere", "there is no nowhere; give --data PATH: Final_Training"),
    ],
)
def test_what_is_missing_is_named(name, path, words):
    with pytest.raises(DataError, match=words):
        load(name, path)


@pytest.mark.parametrize("name", sorted(set(DATA_SETS) - {"digits"}))
def test_an_empty_folder_is_refused_by_every_loader(tmp_path, name):
    with pytest.raises(TnemuError) as caught:
        load(name, tmp_path)
    assert len(str(caught.value)) < 400
