"""Fixed, balanced subsets of labelled images: the embedded digits and CIFAR-10 (Appendix H.2).

The paper trains on one fixed CIFAR-10 subset, full batch, against one-hot targets; its size is lost
from the text.  The digits stand in for it where minutes must do: they come with scikit-learn, so
that nothing is downloaded.  No augmentation.
"""

from __future__ import annotations

import hashlib
import operator
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

__all__ = ["CIFAR10_VARIABLE", "DATASETS", "Dataset", "Source", "load"]

CIFAR10_VARIABLE = "RODFLOW_CIFAR10"
"""Environment variable that names a CIFAR-10 file or folder where ``path`` is not given."""

POOL = 500
"""Examples of a class, the first in the order of the source, that a selection draws from before any
other: so a file with a part of CIFAR-10 gives the same examples as the whole of it."""


LARGEST = 500_000_000
"""Bytes that an .npz file may unpack to: three times CIFAR-10. A small file may claim any size."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A balanced, ordered, normalised selection of labelled images.

    Row i has class i mod 10, so that a smaller selection by the same seed is a larger one's start.

    Attributes:
        inputs: (n, C, H, W), channel-normalised, dimensionless.
        targets: (n, classes), one-hot, in the dtype of ``inputs``.
        labels: (n,), int64.
        name: key of ``DATASETS``.
        image_shape: (C, H, W).
        classes: number of classes.
        source: where the images come from, with citation.
        digest: sha256 of the selected images (bytes, before normalisation) and labels, in order;
            the same for every dtype and device.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor
    name: str
    image_shape: tuple[int, int, int]
    classes: int
    source: str
    digest: str

    def __len__(self) -> int:
        """The number of examples n."""
        return len(self.labels)


@dataclass(frozen=True)
class Images:
    """What a reader gives: every image it has, raw.

    Attributes:
        images: uint8 (N, H, W, C).
        labels: integers (N,).
        origin: where these arrays were found.
    """

    images: np.ndarray
    labels: np.ndarray
    origin: str


@dataclass(frozen=True)
class Source:
    """One row of ``DATASETS``.

    Attributes:
        read: ``read(path, download)`` gives the raw images.
        scale: largest pixel value; images are divided by it before normalisation.
        mean: per-channel mean of the images in units of ``scale``.
        std: per-channel standard deviation, likewise.
        classes: number of classes.
        citation: whom to cite.
    """

    read: Callable[[str | os.PathLike[str] | None, bool], Images]
    scale: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: int
    citation: str


def _read_digits(path: str | os.PathLike[str] | None, download: bool) -> Images:
    """The 1,797 digits that scikit-learn carries; they are read from nowhere else."""
    if path is not None or download:
        raise ValueError(
            "the digits come with scikit-learn: leave out 'path' and 'download', or choose "
            "'cifar10'."
        )
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    digits = load_digits()
    images = digits.images.astype(np.uint8)[..., None]  # whole numbers 0..16 stored as floats
    return Images(images, digits.target, "scikit-learn's load_digits")


def _read_cifar10(path: str | os.PathLike[str] | None, download: bool) -> Images:
    """CIFAR-10's training images from a local .npz file, or by way of torchvision."""
    path = path or os.environ.get(CIFAR10_VARIABLE) or None
    if path is not None and not (download or Path(path).is_dir()):
        return _read_npz(Path(path), (32, 32, 3))
    if path is not None and Path(path).is_file():
        raise ValueError(
            f"'download' needs a folder, and {Path(path).name!r} is a file: leave out 'download' "
            "to read it."
        )
    return _read_torchvision(Path(path or Path.home() / ".cache" / "rodflow"), download)


def _read_torchvision(root: Path, download: bool) -> Images:
    """CIFAR-10's training images from torchvision's folder ``root``, fetched only on request."""
    # Beside a torch it was not built for, torchvision fails to import with a RuntimeError.
    try:
        from torchvision.datasets import CIFAR10
    except (ImportError, RuntimeError, OSError) as error:
        raise ValueError(
            f"CIFAR-10 needs a local .npz file (pass 'path' or set {CIFAR10_VARIABLE}) or a "
            f"torchvision that matches the installed torch (pip install torchvision), whose "
            f"import failed with: {_one_line(error)}."
        ) from error
    try:
        data = CIFAR10(root=str(root), train=True, download=download)
    except (RuntimeError, OSError) as error:
        remedy = "check the connection" if download else "pass download=True to fetch it"
        raise ValueError(
            f"torchvision has no CIFAR-10 in the folder {root.name!r} ({_one_line(error)}): "
            f"{remedy}, or pass a local .npz file as 'path'."
        ) from error
    return Images(np.asarray(data.data), np.asarray(data.targets), "torchvision's CIFAR10")


def _one_line(error: BaseException) -> str:
    """The first line of an error's text, or its kind where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _read_npz(path: Path, shape: tuple[int, int, int]) -> Images:
    """``images`` and ``labels`` of an .npz file, checked as far as their kinds and shapes."""
    wanted = f"'images' uint8 (N, {', '.join(map(str, shape))}) and 'labels' integers (N,)"
    if not path.is_file():
        raise ValueError(
            f"there is no file {path.name!r} where 'path' or {CIFAR10_VARIABLE} points: correct "
            f"it to an .npz file with {wanted}."
        )
    try:
        # Only what a zip of plain arrays holds: a pickle could run code on loading.
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > LARGEST:
            raise ValueError(f"it unpacks to {size:,} bytes, more than {LARGEST:,}")
        with np.load(path, allow_pickle=False) as archive:
            found = sorted(archive.files)
            arrays = {key: archive[key] for key in ("images", "labels") if key in found}
        if any(isinstance(array, bytes) for array in arrays.values()):
            raise ValueError("a member of it is not an array")  # numpy gives such a one raw
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error,
            MemoryError, OverflowError, LookupError, TypeError, SyntaxError) as error:  # fmt: skip
        raise ValueError(
            f"{path.name!r} is not a readable .npz file ({_one_line(error)}): write it anew with "
            f"numpy.savez, with {wanted}."
        ) from error
    for key in ("images", "labels"):
        if key not in arrays:
            raise ValueError(
                f"{path.name!r} has no array {key!r} (it holds {', '.join(found) or 'nothing'}): "
                f"write {wanted}."
            )
    images, labels = arrays["images"], arrays["labels"]
    if images.dtype != np.uint8 or images.shape[1:] != shape or images.ndim != 4:
        raise ValueError(
            f"'images' of {path.name!r} are {images.dtype} {images.shape}: write {wanted}."
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise ValueError(
            f"'labels' of {path.name!r} are {labels.dtype} {labels.shape} for {len(images)} "
            f"images: write {wanted}."
        )
    if not len(images):
        raise ValueError(f"{path.name!r} holds no images: write at least one per class.")
    return Images(images, labels, f"the file {path.name}")


DATASETS: Mapping[str, Source] = MappingProxyType(
    {
        "digits": Source(
            read=_read_digits,
            scale=16,
            # Of all 1,797 images; a test recomputes both.
            mean=(0.305260,),
            std=(0.376049,),
            classes=10,
            citation="Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, "
            "UCI Machine Learning Repository, doi:10.24432/C50P49",
        ),
        "cifar10": Source(
            read=_read_cifar10,
            scale=255,
            # The paper's own constants (Appendix H.2).
            mean=(0.4914, 0.4822, 0.4465),
            std=(0.2470, 0.2435, 0.2616),
            classes=10,
            citation="Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
        ),
    }
)
"""Where images come from, by name."""


def _whole(value: object, what: str, least: int) -> int:
    """``value`` as an int of at least ``least``, or a ValueError that calls it ``what``."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)  # type: ignore
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"{what} must be a whole number of at least {least}, not {value!r}.")
    return number


def _select(labels: np.ndarray, n: int, classes: int, seed: int, name: str) -> np.ndarray:
    """Indices (n,) of a balanced selection: row i is of class i mod ``classes``.

    Within a class the order is a permutation of its first `POOL` members and then of the others,
    drawn from (seed, class).  When ``classes`` does not divide n, the first n mod ``classes``
    classes have one example more.
    """
    counts = np.bincount(labels, minlength=classes)
    # Class c stands at rows c, c + classes, ...: it runs out at row c + classes * counts[c].
    available = int((classes * counts + np.arange(classes)).min())
    if not available:
        raise ValueError(
            f"{name} has no example of class {int(counts.argmin())} here; expected some of each of "
            f"the {classes} classes."
        )
    if n > available:
        raise ValueError(
            f"{name} has {available} balanced examples here, not {n}: ask for at most {available}."
        )
    indices = np.empty(n, dtype=np.int64)
    for c in range(min(classes, n)):
        members, rows = np.flatnonzero(labels == c), indices[c::classes]
        rng = np.random.default_rng([seed, c])
        parts = [part[rng.permutation(len(part))] for part in np.split(members, [POOL])]
        rows[:] = np.concatenate(parts)[: len(rows)]
    return indices


def _digest(images: np.ndarray, labels: np.ndarray) -> str:
    """Sha256 over shape, images (uint8) and labels (uint8) in order."""
    hasher = hashlib.sha256(repr(images.shape).encode())
    hasher.update(np.ascontiguousarray(images).tobytes())
    hasher.update(labels.astype(np.uint8).tobytes())
    return hasher.hexdigest()


def load(
    name: str,
    n: int,
    *,
    seed: int,
    path: str | os.PathLike[str] | None = None,
    download: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Dataset:
    """Load ``n`` balanced examples, channel-normalised, with one-hot targets (Appendix H.2).

    Row i is of class i mod 10, so each class has n // 10 examples and the first n mod 10 classes
    one more; ``seed`` permutes within the classes.  Normalisation is (image / scale - mean) / std
    with the constants of ``DATASETS``, computed in float64 and then cast.

    Args:
        name: "digits" (1,797 grey images of 8 x 8, offline) or "cifar10" (32 x 32, three channels).
        n: number of examples.
        seed: seed of the selection.
        path: for CIFAR-10, an .npz file with ``images`` uint8 (N, 32, 32, 3) and ``labels``
            integers (N,), or the folder where torchvision keeps it; by default what the
            environment variable RODFLOW_CIFAR10 names, and else torchvision's ~/.cache/rodflow.
        download: let torchvision fetch CIFAR-10; nothing is fetched otherwise.
        dtype: floating type of inputs and targets.
        device: where the tensors live.

    Raises:
        ValueError: an unknown name, an n below 1 or above what is there, a missing or broken file,
            or CIFAR-10 with neither a file nor torchvision.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}: choose one of {', '.join(DATASETS)}.")
    n, seed = _whole(n, "n, the number of examples,", 1), _whole(seed, "seed", 0)
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be a floating type such as torch.float64, not {dtype}.")
    source = DATASETS[name]
    raw = source.read(path, download)
    if raw.labels.min() < 0 or raw.labels.max() >= source.classes:
        raise ValueError(
            f"labels of {raw.origin} run from {raw.labels.min()} to {raw.labels.max()}: "
            f"{name} has the classes 0 to {source.classes - 1}."
        )
    labels = raw.labels.astype(np.int64)
    chosen = _select(labels, n, source.classes, seed, name)
    images, labels = raw.images[chosen], labels[chosen]
    normalised = (images / source.scale - np.array(source.mean)) / np.array(source.std)
    inputs = torch.from_numpy(normalised.transpose(0, 3, 1, 2).copy())
    targets = torch.eye(source.classes, dtype=dtype, device=device)[torch.from_numpy(labels)]
    return Dataset(
        inputs=inputs.to(dtype).to(device),
        targets=targets,
        labels=torch.from_numpy(labels).to(device),
        name=name,
        image_shape=tuple(inputs.shape[1:]),  # type: ignore[arg-type]
        classes=source.classes,
        source=f"{raw.origin}; {source.citation}",
        digest=_digest(images, labels),
    )
