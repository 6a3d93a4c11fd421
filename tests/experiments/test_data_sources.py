"""The same images from any source: the whole of CIFAR-10 or a part, a file or torchvision."""

import os
import sys
import types

import numpy as np
import pytest
import torch
from toolkit import cifar10_arrays

from rodflow_core.experiments.data import CIFAR10_VARIABLE, POOL, load

PER_CLASS = POOL + 20


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    """No test finds a CIFAR-10 of the surroundings by itself."""
    monkeypatch.delenv(CIFAR10_VARIABLE, raising=False)


class FakeCIFAR10:
    """Stands for torchvision's class: the same arguments, the same two attributes."""

    calls: list[dict] = []
    content = staticmethod(cifar10_arrays)

    def __init__(self, root, train, download):
        self.calls.append({"root": root, "train": train, "download": download})
        if not download and not os.path.exists(os.path.join(root, "cifar-10-batches-py")):
            raise RuntimeError("Dataset not found or corrupted.\nUse download=True to download it")
        self.data, labels = self.content()
        self.targets = labels.tolist()


@pytest.fixture
def cifar(tmp_path):
    """A small file in CIFAR-10's form."""
    path = tmp_path / "small.npz"
    images, labels = cifar10_arrays()
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture
def torchvision(monkeypatch):
    """A torchvision that has only its CIFAR10 class; that class, which keeps the calls to it."""
    datasets = types.ModuleType("torchvision.datasets")
    datasets.CIFAR10 = FakeCIFAR10
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    monkeypatch.setattr(FakeCIFAR10, "calls", [])
    monkeypatch.setattr(FakeCIFAR10, "content", staticmethod(cifar10_arrays))
    return FakeCIFAR10


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A set of `PER_CLASS` images of each class, files with it, and files with a part of it."""
    folder = tmp_path_factory.mktemp("sources")
    images, labels = cifar10_arrays(PER_CLASS)
    members = [np.flatnonzero(labels == c)[:POOL] for c in range(10)]
    orders = {
        "whole": np.arange(len(labels)),
        "part_in_order": np.sort(np.concatenate(members)),
        "part_round_robin": np.stack(members, axis=1).ravel(),
        "part_by_class": np.concatenate(members[::-1]),
    }
    for name, order in orders.items():
        np.savez(folder / f"{name}.npz", images=images[order], labels=labels[order])
    return folder, images, labels


PARTS = ("part_in_order", "part_round_robin", "part_by_class")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("n", "seed"), [(7, 0), (500, 3), (4999, 0), (5000, 1)])
def test_a_part_gives_the_images_of_the_whole(sources, part, n, seed):
    folder = sources[0]
    whole = load("cifar10", n, seed=seed, path=folder / "whole.npz")
    some = load("cifar10", n, seed=seed, path=folder / f"{part}.npz")
    assert some.digest == whole.digest
    assert torch.equal(some.inputs, whole.inputs) and torch.equal(some.targets, whole.targets)


def test_a_torchvision_folder_gives_the_images_of_a_file(sources, torchvision, tmp_path):
    folder, images, labels = sources
    (tmp_path / "cifar-10-batches-py").mkdir()
    torchvision.content = staticmethod(lambda: (images, labels))
    for n, file in ((1000, "part_round_robin"), (5000, "part_by_class"), (5100, "whole")):
        there = load("cifar10", n, seed=2, path=tmp_path)
        here = load("cifar10", n, seed=2, path=folder / f"{file}.npz")
        assert "torchvision" in there.source and file in here.source
        assert there.digest == here.digest and torch.equal(there.inputs, here.inputs)


def test_beyond_the_part_the_whole_goes_on_and_a_part_refuses(sources):
    folder = sources[0]
    words = r"^cifar10 has 5000 balanced examples here, not 5001: ask for at most 5000\.$"
    with pytest.raises(ValueError, match=words):
        load("cifar10", 5001, seed=0, path=folder / "part_round_robin.npz")
    few, more = (load("cifar10", n, seed=0, path=folder / "whole.npz") for n in (5000, 5200))
    assert torch.equal(few.inputs, more.inputs[:5000])
    assert len({row.numpy().tobytes() for row in more.inputs}) == 5200


def test_the_first_of_a_class_are_drawn_before_any_other(sources):
    folder, images, labels = sources
    first = {images[i].tobytes() for i in np.flatnonzero(labels == 4)[:POOL]}
    drawn = load("cifar10", 5000, seed=0, path=folder / "whole.npz", dtype=torch.float64)
    mean, std = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2470, 0.2435, 0.2616])
    pixels = (drawn.inputs[4::10] * std.view(3, 1, 1) + mean.view(3, 1, 1)) * 255
    rows = pixels.round().to(torch.uint8).permute(0, 2, 3, 1)
    assert {row.contiguous().numpy().tobytes() for row in rows} == first


def test_neither_file_nor_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(
        ValueError, match=r"pass 'path' or set RODFLOW_CIFAR10\).*pip install torch"
    ):
        load("cifar10", 10, seed=0)


def test_torchvision_downloads_only_on_request(torchvision, tmp_path, cifar):
    with pytest.raises(ValueError, match=r"Dataset not found .*: pass download=True") as caught:
        load("cifar10", 10, seed=0, path=tmp_path)
    assert "\n" not in str(caught.value)
    data = load("cifar10", 20, seed=0, path=tmp_path / "new", download=True)
    wanted = [(str(tmp_path), False), (str(tmp_path / "new"), True)]
    assert [(call["root"], call["download"]) for call in torchvision.calls] == wanted
    assert all(call["train"] for call in torchvision.calls)
    assert data.digest == load("cifar10", 20, seed=0, path=cifar).digest
    assert "torchvision" in data.source


def test_torchvision_default_folder_and_present_files(torchvision, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache" / "rodflow" / "cifar-10-batches-py").mkdir(parents=True)
    assert len(load("cifar10", 10, seed=0)) == 10
    assert torchvision.calls[0]["root"] == str(tmp_path / ".cache" / "rodflow")


def test_download_into_a_file_is_refused(torchvision, cifar):
    with pytest.raises(ValueError, match=r"'download' needs a folder, and 'small\.npz' is a file"):
        load("cifar10", 10, seed=0, path=cifar, download=True)
    assert torchvision.calls == []
