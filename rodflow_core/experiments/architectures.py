"""The three networks of Appendix H.4: a tanh MLP, a small CNN and a small vision transformer.

Everything here is smooth in the parameters: no piecewise activation, no fused attention (it has no
second derivative), a LayerNorm of plain operations (torch's own gives wrong third derivatives).
The paper trains on a subset of CIFAR-10, for 4,000 steps with flows from 2,000 on (heavy ball
16,000 and 14,000, Nesterov 12,000 and 10,000, scalar NAdam 3,500 and 1,500). Its widths are not
known here: the defaults are this project's, sized for 8 x 8 digits on one processor core.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "ACTIVATIONS", "ARCHITECTURES", "CNN", "MLP", "Architecture", "LayerNorm",
    "ViT", "build", "parameter_count", "resolve_sizes", "sincos_positions",
]  # fmt: skip

ImageShape = tuple[int, int, int]
ACTIVATIONS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU, "softplus": nn.Softplus}
)
"""Smooth ones only: a Hessian, and what flows do with it, needs a second derivative everywhere."""


def _activation(name: str) -> nn.Module:
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {name!r}: choose a twice differentiable one of "
            f"{', '.join(ACTIVATIONS)}."
        )
    return ACTIVATIONS[name]()


class LayerNorm(nn.Module):
    """Layer normalisation over the last axis, in operations that may be differentiated thrice.

    y = scale * (x - mean(x)) / sqrt(var(x) + eps) + shift, with the biased variance; the same
    forward as ``torch.nn.LayerNorm``.  Appendix H.4 replaces every LayerNorm of the ViT likewise.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        """Start with scale 1 and shift 0.

        Args:
            width: length of the last axis.
            eps: added to the variance (units of x squared).
        """
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` of shape (..., width); the shape is kept."""
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.square().mean(-1, keepdim=True)
        return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias


class MLP(nn.Sequential):
    """Three fully connected layers with biases and two hidden layers of one width (H.4)."""

    def __init__(
        self, image_shape: ImageShape, classes: int, width: int = 32, activation: str = "tanh"
    ) -> None:
        """Make the layers, with torch's default random weights; (n, C, H, W) to (n, classes).

        Args:
            image_shape: (C, H, W) of one input.
            classes: number of outputs.
            width: width of both hidden layers.
            activation: a name in ``ACTIVATIONS``.
        """
        super().__init__(
            nn.Flatten(),
            nn.Linear(math.prod(image_shape), width),
            _activation(activation),
            nn.Linear(width, width),
            _activation(activation),
            nn.Linear(width, classes),
        )


class ChannelsLast(nn.Module):
    """Channels side by side in memory, in float32: a CPU convolves and pools twice as fast so."""

    def forward(self, x: Tensor) -> Tensor:
        """Lay ``x`` of shape (n, C, H, W) out anew; shape and numbers are kept."""
        return x.contiguous(memory_format=torch.channels_last) if x.dtype == torch.float32 else x


class CNN(nn.Sequential):
    """Two blocks of 3 x 3 convolution, activation, 2 x 2 average pooling; then a linear readout.

    The convolutions are padded and have biases (Appendix H.4); average pooling is smooth where
    max pooling is not.  A side that is not a multiple of four loses its last rows in the pooling.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        classes: int,
        channels: Sequence[int] = (8, 16),
        activation: str = "tanh",
    ) -> None:
        """Make the layers, with torch's default random weights; (n, C, H, W) to (n, classes).

        Args:
            image_shape: (C, H, W) of one input; H and W at least 4.
            classes: number of outputs.
            channels: channels of the first and of the second block.
            activation: a name in ``ACTIVATIONS``.

        Raises:
            ValueError: an image smaller than 4 x 4, which two poolings leave empty.
        """
        depth, height, width = image_shape
        if min(height, width) < 4:
            raise ValueError(
                f"the CNN pools 2 x 2 twice and needs images of at least 4 x 4, not "
                f"{height} x {width}: give larger images or choose 'mlp'."
            )
        first, second = channels
        super().__init__(
            ChannelsLast(),
            nn.Conv2d(depth, first, 3, padding=1),
            _activation(activation),
            nn.AvgPool2d(2),
            nn.Conv2d(first, second, 3, padding=1),
            _activation(activation),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(second * (height // 4) * (width // 4), classes),
        )


def sincos_positions(rows: int, columns: int, width: int, temperature: float = 1e4) -> Tensor:
    """Fixed two-dimensional sine-cosine position codes, in float64, shape (rows * columns, width).

    Of the ``width`` numbers of a patch in row i and column j, a quarter each are sin(j f),
    cos(j f), sin(i f) and cos(i f), where the frequencies f fall geometrically from 1 to
    1 / temperature (radians per patch).  After Beyer, Zhai and Kolesnikov, *Better plain ViT
    baselines for ImageNet-1k* (arXiv:2205.01580).  For width 4 the only frequency is 1.
    """
    count = width // 4
    exponents = torch.arange(count, dtype=torch.float64) / max(count - 1, 1)
    frequencies = temperature**-exponents
    i, j = torch.meshgrid(
        torch.arange(rows, dtype=torch.float64),
        torch.arange(columns, dtype=torch.float64),
        indexing="ij",
    )
    down, across = i.flatten()[:, None] * frequencies, j.flatten()[:, None] * frequencies
    return torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], dim=1)


class _Attention(nn.Module):
    """Self-attention with a LayerNorm before it, as matrix products and a softmax, no biases."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, head_width**-0.5
        self.norm = LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * heads * head_width, bias=False)
        self.to_out = nn.Linear(heads * head_width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (n, tokens, width) to an update of the same shape."""
        qkv = self.to_qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (n, heads, tokens, head_width)
        # Written out because the fused kernel has no second derivative.
        weights = torch.softmax((query * self.scale) @ key.transpose(-1, -2), dim=-1)
        return self.to_out((weights @ value).transpose(1, 2).flatten(2))


def _feed_forward(width: int, mlp_width: int, activation: str) -> nn.Module:
    """The two-layer network of a transformer block, with a LayerNorm before it."""
    return nn.Sequential(
        LayerNorm(width),
        nn.Linear(width, mlp_width),
        _activation(activation),
        nn.Linear(mlp_width, width),
    )


class ViT(nn.Module):
    """The SimpleViT of Appendix H.4: no class token, fixed positions, mean pooling, linear head.

    Patches are normalised, embedded and normalised again; ``depth`` blocks of attention and
    feed-forward add to them; their normalised mean goes through the head.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        classes: int,
        patch: int = 4,
        width: int = 16,
        depth: int = 3,
        heads: int = 2,
        head_width: int = 8,
        mlp_width: int = 32,
        init_scale: float = 0.5,
        activation: str = "gelu",
    ) -> None:
        """Make the layers, with torch's default random weights.

        Args:
            image_shape: (C, H, W) of one input; ``patch`` divides H and W.
            classes: number of outputs.
            patch: side of a square patch in pixels.
            width: embedding width, a multiple of four.
            depth: number of blocks (the paper: 3).
            heads: attention heads per block.
            head_width: width of one head.
            mlp_width: hidden width of the feed-forward networks.
            init_scale: factor on the head's initial weights and biases (the paper: one half).
            activation: a name in ``ACTIVATIONS``, used in the feed-forward networks.

        Raises:
            ValueError: a patch that does not divide the image, or a width not divisible by four.
        """
        super().__init__()
        channels, rows, columns = image_shape
        if rows % patch or columns % patch:
            raise ValueError(
                f"patch {patch} does not divide an image of {rows} x {columns}: choose a patch "
                f"that divides {math.gcd(rows, columns)}."
            )
        if width % 4:
            raise ValueError(
                f"width {width} cannot hold sines and cosines of rows and columns: choose a "
                "multiple of four."
            )
        self.patch = patch
        entries = channels * patch**2
        self.embed = nn.Sequential(LayerNorm(entries), nn.Linear(entries, width), LayerNorm(width))
        positions = sincos_positions(rows // patch, columns // patch, width)
        self.register_buffer("positions", positions, persistent=False)
        self.attention = nn.ModuleList(_Attention(width, heads, head_width) for _ in range(depth))
        self.feed_forward = nn.ModuleList(
            _feed_forward(width, mlp_width, activation) for _ in range(depth)
        )
        self.norm = LayerNorm(width)
        self.head = nn.Linear(width, classes)
        with torch.no_grad():  # less sharpness at the start, which may else exceed the threshold
            for parameter in self.head.parameters():
                parameter.mul_(init_scale)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, C, H, W) to outputs (n, classes)."""
        p = self.patch
        patches = x.unflatten(3, (-1, p)).unflatten(2, (-1, p))  # n, C, rows, p, columns, p
        patches = patches.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        x = self.embed(patches)
        # float64 until ``build`` or ``.to`` casts the buffer
        x = x + self.positions.to(x.dtype)  # type: ignore[operator]
        for attention, feed_forward in zip(self.attention, self.feed_forward, strict=True):
            x = x + attention(x)
            x = x + feed_forward(x)
        return self.head(self.norm(x).mean(1))


@dataclass(frozen=True)
class Architecture:
    """One row of ``ARCHITECTURES``: a network and what it is."""

    module: type[nn.Module]
    """Called as ``module(image_shape, classes, **sizes)``."""
    summary: str
    """What it is, in a few words."""

    @property
    def sizes(self) -> dict[str, Any]:
        """Every size with its default, read from the constructor's signature."""
        parameters = list(inspect.signature(self.module).parameters.values())
        return {parameter.name: parameter.default for parameter in parameters[2:]}


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "mlp": Architecture(MLP, "three fully connected layers"),
        "cnn": Architecture(CNN, "two blocks of convolution and average pooling, linear readout"),
        "vit": Architecture(ViT, "SimpleViT: patches, transformer blocks, mean pooling, head"),
    }
)
"""The networks, by name: another is a class, ``cls(image_shape, classes, **sizes)``, and a row."""


def _whole(value: Any, what: str) -> int:
    """``value`` as a positive int, or a ValueError that calls it ``what``."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{what} must be a positive whole number, not {value!r}.")
    return number


def _whole_tuple(values: Any, length: int, what: str) -> tuple[int, ...]:
    """``values`` as a tuple of ``length`` positive ints, or a ValueError."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != length:
        raise ValueError(f"{what} must be {length} positive whole numbers, not {values!r}.")
    return tuple(_whole(value, f"each entry of {what}") for value in values)


def _checked(name: str, default: Any, value: Any) -> Any:
    """``value`` of size ``name``, in the kind of its default."""
    if isinstance(default, str):
        _activation(value)
        return value
    if isinstance(default, tuple):
        return _whole_tuple(value, len(default), name)
    if isinstance(default, int):
        return _whole(value, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive finite number, not {value!r}.")
    return float(value)


def resolve_sizes(name: str, **sizes: Any) -> dict[str, Any]:
    """The complete sizes of architecture ``name``: the given ones over its defaults.

    Args:
        name: a key of ``ARCHITECTURES``.
        **sizes: the sizes to change.

    Raises:
        ValueError: an unknown architecture or size, or a value of the wrong kind.
    """
    if name not in ARCHITECTURES:
        raise ValueError(
            f"unknown architecture {name!r}: choose one of {', '.join(ARCHITECTURES)}."
        )
    defaults = ARCHITECTURES[name].sizes
    unknown = sorted(set(sizes) - set(defaults))
    if unknown:
        raise ValueError(
            f"unknown size {unknown[0]!r} for {name!r}: it takes {', '.join(defaults)}."
        )
    return {key: _checked(key, value, sizes.get(key, value)) for key, value in defaults.items()}


def build(
    name: str,
    image_shape: Sequence[int] = (1, 8, 8),
    classes: int = 10,
    *,
    seed: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    **sizes: Any,
) -> nn.Module:
    """Build an architecture of Appendix H.4 with seeded weights; torch's global RNG is untouched.

    Linear and convolution layers start as torch has them, uniform in +-1/sqrt(fan-in), but for the
    ViT's head, which ``init_scale`` shrinks.  Weights are drawn on the CPU in torch's default dtype
    and then cast: a seed gives the same network in every ``dtype`` and on every ``device``.

    Args:
        name: a key of ``ARCHITECTURES``: "mlp", "cnn" or "vit".
        image_shape: (C, H, W) of one input: (1, 8, 8) for the digits, (3, 32, 32) for CIFAR-10.
        classes: number of outputs.
        seed: seed of the initial weights.
        dtype: floating type of the parameters.
        device: where they live.
        **sizes: widths and the like, as listed in ``ARCHITECTURES[name].sizes``.

    Returns:
        A module that maps (n, C, H, W) to (n, classes), smooth in its parameters.

    Raises:
        ValueError: an unknown name or size, or a value that does not fit the image.
    """
    resolved = resolve_sizes(name, **sizes)
    shape = _whole_tuple(image_shape, 3, "image_shape (channels, height, width)")
    classes = _whole(classes, "classes")
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be a floating type such as torch.float64, not {dtype}.")
    # Constructors draw from the global RNG of the CPU: seed it alone, and put its state back.
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = ARCHITECTURES[name].module(shape, classes, **resolved)
    return module.to(dtype=dtype, device=device)


def parameter_count(module: nn.Module) -> int:
    """The number d of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
