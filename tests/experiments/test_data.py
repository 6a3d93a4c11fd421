"""The data sets: contents, balance, order, normalisation, digests and errors."""

import dataclasses
import hashlib
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from toolkit import cifar10_arrays as arrays

from rodflow_core.experiments.data import CIFAR10_VARIABLE, DATASETS, load

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # the paper's, Appendix H.2
REAL_CIFAR10 = os.environ.get(CIFAR10_VARIABLE)


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    """No test finds a CIFAR-10 of the surroundings by itself."""
    monkeypatch.delenv(CIFAR10_VARIABLE, raising=False)


@pytest.fixture
def cifar(tmp_path):
    """A small file in CIFAR-10's form, and what is in it."""
    images, labels = arrays()
    path = tmp_path / "small.npz"
    np.savez(path, images=images, labels=labels)
    return path, images, labels


def normalised(images):
    """Images (n, 32, 32, 3) normalised with the paper's constants, channel by channel."""
    channels = [(images[..., c] / 255 - MEAN[c]) / STD[c] for c in range(3)]
    return torch.from_numpy(np.stack(channels, axis=1))


def test_digits_constants_are_the_data_sets_own_mean_and_deviation():
    pixels = load_digits().images / 16
    assert pixels.max() == 1
    assert DATASETS["digits"].mean == (round(pixels.mean(), 6),)
    assert DATASETS["digits"].std == (round(pixels.std(), 6),)


def test_digits_are_scikit_learns_with_their_labels():
    data = load("digits", 1000, seed=3, dtype=torch.float64)
    assert data.inputs.shape == (1000, 1, 8, 8)
    pixels = (data.inputs[:, 0] * 0.376049 + 0.305260) * 16
    whole = pixels.round()
    torch.testing.assert_close(pixels, whole, rtol=0, atol=1e-12)
    everything = {}
    for image, label in zip(*load_digits(return_X_y=True), strict=True):
        everything.setdefault(image.astype(np.uint8).tobytes(), set()).add(int(label))
    seen = [row.numpy().astype(np.uint8).tobytes() for row in whole]
    assert all(int(c) in everything[key] for key, c in zip(seen, data.labels, strict=True))
    assert len(set(seen)) == 1000


@pytest.mark.parametrize("n", [1, 9, 10, 23, 200])
def test_selection_is_balanced_round_robin_and_nested(n):
    data = load("digits", n, seed=0)
    assert torch.equal(data.labels, torch.arange(n) % 10)
    assert torch.equal(data.targets.argmax(1), data.labels)
    assert torch.equal(data.targets.sum(1), torch.ones(n))
    assert data.targets.unique().tolist() == [0, 1]
    assert torch.equal(data.inputs, load("digits", n + 11, seed=0).inputs[:n])


def test_seed_permutes_within_classes():
    one, again, other = (load("digits", 300, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.inputs, again.inputs)
    assert one.digest == again.digest != other.digest
    assert torch.equal(one.labels, other.labels)
    assert not torch.equal(one.inputs, other.inputs)


def test_selection_is_the_recorded_one():
    # A change of scikit-learn's file or of numpy's permutation would change recorded runs.
    # Of the 500, no class has as many as a selection draws from first.
    recorded = {
        100: "df2fd32274644a376ab2fd84b3c61340292b704d2c81f3fa9413ac0956d9ff19",
        500: "9a147417403715786aaff1fd1015f71ac93df5923367405d5c600dddd92bf989",
    }
    assert {n: load("digits", n, seed=0).digest for n in recorded} == recorded


def test_all_that_is_balanced_can_be_had_and_no_more():
    # scikit-learn has 174 eights: the 175th would be row 1748.
    assert np.bincount(load_digits().target).tolist() == [
        *(178, 182, 177, 183, 181),
        *(182, 181, 179, 174, 180),
    ]
    assert len(load("digits", 1748, seed=0)) == 1748
    with pytest.raises(ValueError, match="1748 balanced examples here, not 1749: ask for at most"):
        load("digits", 1749, seed=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cifar10_file_is_normalised_with_the_papers_constants(cifar, dtype):
    path, images, labels = cifar
    data = load("cifar10", 30, seed=5, path=path, dtype=dtype)
    assert data.inputs.dtype == data.targets.dtype == dtype
    assert data.labels.dtype == torch.int64
    assert data.image_shape == (3, 32, 32) and data.classes == 10 and data.name == "cifar10"
    expected, used = normalised(images).to(dtype), set()
    for row, label in zip(data.inputs, data.labels, strict=True):
        distances = (expected - row).abs().amax((1, 2, 3))
        index = int(distances.argmin())
        assert distances[index] <= 4 * torch.finfo(dtype).eps
        assert labels[index] == label
        used.add(index)
    assert used == set(range(30))


def test_path_comes_from_parameter_before_environment(cifar, tmp_path, monkeypatch):
    path, images, labels = cifar
    other = tmp_path / "other.npz"
    np.savez_compressed(other, images=255 - images, labels=labels.astype(np.int64))
    monkeypatch.setenv(CIFAR10_VARIABLE, str(other))
    inverted, given = load("cifar10", 20, seed=0), load("cifar10", 20, seed=0, path=str(path))
    assert "other.npz" in inverted.source and "small.npz" in given.source
    scale = torch.tensor([1 / 0.2470, 1 / 0.2435, 1 / 0.2616])
    offset = (1 - 2 * torch.tensor(MEAN)) * scale
    torch.testing.assert_close(
        inverted.inputs + given.inputs, offset.view(3, 1, 1).expand(20, 3, 32, 32)
    )


def test_source_names_the_file_but_not_its_folder(cifar):
    data = load("cifar10", 10, seed=0, path=cifar[0])
    assert str(cifar[0].parent) not in data.source
    assert "Krizhevsky" in data.source


def test_digest_is_the_sha256_of_the_selected_images_and_labels(tmp_path):
    # One image per class leaves the seed nothing to choose, so the selection is known.
    images, labels = arrays(per_class=1)
    path = tmp_path / "ten.npz"
    np.savez(path, images=images, labels=labels)
    ordered = images[np.argsort(labels)]
    content = b"(10, 32, 32, 3)" + ordered.tobytes() + bytes(range(10))
    for dtype in (torch.float32, torch.float64):
        digest = load("cifar10", 10, seed=8, path=path, dtype=dtype).digest
        assert digest == hashlib.sha256(content).hexdigest()
    images[4, 0, 0, 0] ^= 1
    np.savez(path, images=images, labels=labels)
    assert load("cifar10", 10, seed=8, path=path).digest != digest


def test_data_set_is_frozen_and_on_the_asked_device():
    data = load("digits", 10, seed=0, device="meta", dtype=torch.float64)
    for tensor in (data.inputs, data.targets, data.labels):
        assert tensor.device.type == "meta"
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mnist", 10), r"unknown data set 'mnist': choose one of digits, cifar10\."),
        (("digits", 0), r"number of examples, must be a whole number of at least 1, not 0\."),
        (("digits", -5), r"number of examples, must be a whole number of at least 1, not -5\."),
        (("digits", 10.0), r"number of examples, must be a whole number .* not 10\.0\."),
    ],
)
def test_wrong_names_and_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        load(*arguments, seed=0)


def test_other_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"seed must be a whole number of at least 0, not -1\."):
        load("digits", 10, seed=-1)
    with pytest.raises(ValueError, match=r"dtype must be a floating type .* not torch\.uint8\."):
        load("digits", 10, seed=0, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"the digits come with scikit-learn: leave out 'path'"):
        load("digits", 10, seed=0, path=tmp_path / "x.npz")


def test_too_few_of_one_class(tmp_path):
    images, labels = arrays(per_class=2)
    keep = labels != 6
    np.savez(tmp_path / "d.npz", images=images[keep], labels=labels[keep])
    with pytest.raises(ValueError, match=r"6 balanced examples here, not 7: ask for at most 6\."):
        load("cifar10", 7, seed=0, path=tmp_path / "d.npz")
    assert len(load("cifar10", 6, seed=0, path=tmp_path / "d.npz")) == 6


def test_missing_file(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"no file 'none\.npz' where 'path' or RODFLOW_CIFAR10"):
        load("cifar10", 10, seed=0, path=tmp_path / "none.npz")
    monkeypatch.setenv(CIFAR10_VARIABLE, str(tmp_path / "gone.npz"))
    with pytest.raises(ValueError, match=r"no file 'gone\.npz' .*: correct it to an \.npz file"):
        load("cifar10", 10, seed=0)


def not_a_zip(path):
    path.write_bytes(b"these are not arrays")


def empty_file(path):
    path.write_bytes(b"")


def plain_npy(path):
    with path.open("wb") as file:
        np.save(file, arrays()[0])


def a_pickle(path):
    path.write_bytes(pickle.dumps(dict(zip(("images", "labels"), arrays(), strict=True))))


def truncated(path):
    np.savez(path, images=arrays()[0], labels=arrays()[1])
    path.write_bytes(path.read_bytes()[:-200])


def flipped(path):
    np.savez_compressed(path, images=arrays()[0], labels=arrays()[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))


def not_arrays(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", "nothing of the kind")
        archive.writestr("labels.npy", "nor this")


def objects(path):
    np.savez(path, images=np.array([{}, []], dtype=object), labels=np.array([0, 1]))


@pytest.mark.parametrize(
    "write",
    [not_a_zip, empty_file, plain_npy, a_pickle, truncated, flipped, not_arrays, objects],
)
def test_unreadable_file(tmp_path, write):
    path = tmp_path / "broken.npz"
    write(path)
    with pytest.raises(
        ValueError, match=r"'broken\.npz' is not a readable \.npz .*savez"
    ) as caught:
        load("cifar10", 10, seed=0, path=path)
    assert "\n" not in str(caught.value)


IMAGES, LABELS = arrays()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": IMAGES}, r"has no array 'labels' \(it holds images\): write"),
        ({"labels": LABELS}, r"has no array 'images' \(it holds labels\): write"),
        ({"x": IMAGES, "y": LABELS}, r"has no array 'images' \(it holds x, y\): write"),
        (
            {"images": IMAGES / 255, "labels": LABELS},
            r"'images' of .* are float64 \(30, 32, 32, 3\)",
        ),
        (
            {"images": IMAGES.transpose(0, 3, 1, 2), "labels": LABELS},
            r"'images' of .* are uint8 \(30, 3, 32, 32\): write 'images' uint8 \(N, 32, 32, 3\)",
        ),
        ({"images": IMAGES[0], "labels": LABELS}, r"'images' of .* are uint8 \(32, 32, 3\)"),
        ({"images": np.uint8(7), "labels": LABELS}, r"'images' of .* are uint8 \(\)"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, r"'labels' of .* \(29,\) for 30 images"),
        ({"images": IMAGES, "labels": LABELS[:, None]}, r"'labels' of .* \(30, 1\) for 30 images"),
        ({"images": IMAGES, "labels": LABELS / 2}, r"'labels' of .* are float64"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"holds no images: write at least one"),
        ({"images": IMAGES, "labels": LABELS + 1}, r"run from 1 to 10: cifar10 has the classes 0"),
        ({"images": IMAGES, "labels": LABELS.astype(int) - 1}, r"labels of .* run from -1 to 8"),
    ],
)
def test_file_with_wrong_content(tmp_path, content, message):
    np.savez(tmp_path / "wrong.npz", **content)
    with pytest.raises(ValueError, match=message) as caught:
        load("cifar10", 10, seed=0, path=tmp_path / "wrong.npz")
    assert "wrong.npz" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.skipif(not REAL_CIFAR10, reason=f"{CIFAR10_VARIABLE} is not set")
def test_the_real_cifar10_has_about_the_papers_statistics():
    data = load("cifar10", 500, seed=0, path=REAL_CIFAR10)
    assert data.inputs.shape == (500, 3, 32, 32)
    # The constants are those of all 50,000; 500 images vary by a few percent.
    assert data.inputs.mean((0, 2, 3)).abs().max() < 0.1
    assert (data.inputs.std((0, 2, 3)) - 1).abs().max() < 0.1
