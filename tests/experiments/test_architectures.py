"""The three networks: derivatives, seeding, shapes and errors."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.func import functional_call, grad, hessian, jvp, vmap
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rodflow_core.experiments import architectures
from rodflow_core.experiments.architectures import (
    ACTIVATIONS,
    ARCHITECTURES,
    Architecture,
    LayerNorm,
    build,
    parameter_count,
    resolve_sizes,
    sincos_positions,
)

DIGITS, CIFAR = (1, 8, 8), (3, 32, 32)
# Small enough for a dense Hessian: 4 x 4 images, three classes.
TINY_SHAPE = (1, 4, 4)
TINY = {
    "mlp": {"width": 3},
    "cnn": {"channels": [2, 2]},
    "vit": {"patch": 2, "width": 4, "depth": 1, "heads": 2, "head_width": 2, "mlp_width": 3},
}
NAMES = list(TINY)


def tiny_problem(name, seed=0):
    """A tiny float64 network as ``loss(flat parameters)``, and its initial flat parameters."""
    net = build(name, TINY_SHAPE, 3, seed=seed, dtype=torch.float64, **TINY[name])
    generator = torch.Generator().manual_seed(seed + 1)
    inputs = torch.randn(5, *TINY_SHAPE, generator=generator, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0, 1]]
    shapes = {key: value.shape for key, value in net.named_parameters()}

    def loss(w):
        pieces = w.split([shape.numel() for shape in shapes.values()])
        named = {k: p.view(s) for (k, s), p in zip(shapes.items(), pieces, strict=True)}
        return (functional_call(net, named, (inputs,)) - targets).square().mean()

    return loss, parameters_to_vector(net.parameters()).detach()


def hvp(loss, w, v):
    """Hessian times ``v`` by two reverse passes, as torch's autograd does it."""
    w = w.detach().requires_grad_()
    (g,) = torch.autograd.grad(loss(w), w, create_graph=True)
    return torch.autograd.grad(g, w, v)[0]


def direction(w, seed):
    """A unit vector of the shape of ``w``."""
    v = torch.randn(w.shape, generator=torch.Generator().manual_seed(seed), dtype=w.dtype)
    return v / v.norm()


def difference(f, w, v, h=1e-3):
    """Fourth-order central difference of ``f`` along ``v``; its error is of order h^4."""
    near, far = f(w + h * v) - f(w - h * v), f(w + 2 * h * v) - f(w - 2 * h * v)
    return (8 * near - far) / (12 * h)


@pytest.mark.parametrize("name", NAMES)
def test_hessian_vector_product_is_the_derivative_of_the_gradient(name):
    loss, w = tiny_problem(name)
    v = direction(w, 3)
    torch.testing.assert_close(hvp(loss, w, v), difference(grad(loss), w, v), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_hessian_vector_product_equals_the_dense_hessian(name):
    loss, w = tiny_problem(name)
    dense = hessian(loss)(w)
    torch.testing.assert_close(dense, dense.T, rtol=1e-10, atol=1e-13)
    assert dense.norm() > 1e-2
    for seed in range(3):
        v = direction(w, seed)
        torch.testing.assert_close(hvp(loss, w, v), dense @ v, rtol=1e-10, atol=1e-12)
        forward_over_reverse = jvp(grad(loss), (w,), (v,))[1]
        torch.testing.assert_close(forward_over_reverse, dense @ v, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_third_derivative_is_the_derivative_of_the_hessian_vector_product(name):
    loss, w = tiny_problem(name)
    v, u = direction(w, 5), direction(w, 6)
    at = w.clone().requires_grad_()
    (g,) = torch.autograd.grad(loss(at), at, create_graph=True)
    (hv,) = torch.autograd.grad(g, at, v, create_graph=True)
    (third,) = torch.autograd.grad(hv @ u, at)
    along = difference(lambda q: hvp(loss, q, v), w, u)
    assert along.norm() > 1e-4
    # The third derivative is symmetric: its (v, u, .) slice is the change of H v along u.
    torch.testing.assert_close(third, along, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_has_a_continuous_second_derivative(activation):
    def second(x):
        f = ACTIVATIONS[activation]()
        return vmap(grad(grad(lambda s: f(s))))(x)

    x = torch.linspace(-1e-3, 1e-3, 41, dtype=torch.float64)
    assert torch.diff(second(x)).abs().max() < 1e-3  # a ReLU's would be infinite at zero
    assert second(torch.tensor([0.7], dtype=torch.float64)).abs() > 1e-2


def test_layer_norm_equals_torch_forward_and_gradient():
    generator = torch.Generator().manual_seed(0)
    x = 3 + 2 * torch.randn(4, 7, 6, generator=generator, dtype=torch.float64)
    ours, theirs = LayerNorm(6).double(), torch.nn.LayerNorm(6).double()
    with torch.no_grad():
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            a.copy_(torch.randn(6, generator=generator, dtype=torch.float64))
            b.copy_(a)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-13, atol=1e-13)
    grads = [torch.autograd.grad(f(x).pow(3).sum(), list(f.parameters())) for f in (ours, theirs)]
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-12, atol=1e-12)


def test_layer_norm_is_finite_on_a_constant_input():
    x = torch.full((2, 4), 5.0, dtype=torch.float64, requires_grad=True)
    y = LayerNorm(4).double()(x)
    assert torch.equal(y, torch.zeros_like(y))
    assert torch.autograd.grad(y.square().sum() + y.sum(), x)[0].isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_vmap_over_stacked_parameters_equals_a_loop(name):
    loss, w = tiny_problem(name)
    stack = w + 0.1 * torch.stack([direction(w, seed) for seed in range(4)])
    looped = torch.stack([grad(loss)(point) for point in stack])
    torch.testing.assert_close(vmap(grad(loss))(stack), looped, rtol=1e-11, atol=1e-14)
    assert (looped[0] - looped[1]).norm() > 1e-4


@pytest.mark.parametrize(
    ("name", "shape", "sizes", "expected"),
    [
        ("mlp", DIGITS, {"width": 32}, 65 * 32 + 33 * 32 + 33 * 10),
        ("mlp", CIFAR, {"width": 64}, 3073 * 64 + 65 * 64 + 65 * 10),
        ("cnn", DIGITS, {"channels": (8, 16)}, (9 + 1) * 8 + (72 + 1) * 16 + (64 + 1) * 10),
        ("cnn", CIFAR, {"channels": (4, 6)}, (27 + 1) * 4 + (36 + 1) * 6 + (384 + 1) * 10),
        # embedding; three blocks of attention and feed-forward; last LayerNorm and head
        (
            "vit",
            DIGITS,
            {"patch": 2, "width": 16, "heads": 2, "head_width": 8, "mlp_width": 32},
            (8 + 5 * 16 + 32) + 3 * (32 + 4 * 16 * 16 + 32 + 17 * 32 + 33 * 16) + 32 + 17 * 10,
        ),
        (
            "vit",
            CIFAR,
            {"patch": 8, "width": 8, "heads": 1, "head_width": 4, "mlp_width": 4},
            (384 + 193 * 8 + 16) + 3 * (16 + 4 * 8 * 4 + 16 + 9 * 4 + 5 * 8) + 16 + 9 * 10,
        ),
    ],
)
def test_shapes_and_parameter_counts(name, shape, sizes, expected):
    net = build(name, shape, seed=0, **sizes)
    assert parameter_count(net) == expected
    assert net(torch.zeros(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [DIGITS, CIFAR])
def test_defaults_fit_both_data_sets_and_examples_are_independent(name, shape):
    net = build(name, shape, seed=0, dtype=torch.float64)
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(net(x)[1:2], net(x[1:2]), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_the_network_and_the_global_generator_is_untouched(name):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = parameters_to_vector(build(name, seed=4).parameters())
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, parameters_to_vector(build(name, seed=4).parameters()))
    assert not torch.equal(first, parameters_to_vector(build(name, seed=5).parameters()))
    double = parameters_to_vector(build(name, seed=4, dtype=torch.float64).parameters())
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), first)


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_follows_dtype_and_device(name):
    net = build(name, seed=0, dtype=torch.float64, device="meta")
    for tensor in [*net.parameters(), *net.buffers()]:
        assert tensor.dtype == torch.float64
        assert tensor.device.type == "meta"


def test_initial_weights_are_uniform_within_one_over_root_fan_in():
    layer = build("mlp", seed=0, width=64)[1]
    draws = (layer.weight * math.sqrt(64)).detach().flatten().double().numpy()
    assert np.abs(draws).max() <= 1
    assert stats.kstest(draws, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_init_scale_shrinks_the_head_and_nothing_else():
    half, whole = (build("vit", seed=2, init_scale=scale) for scale in (0.5, 1.0))
    assert resolve_sizes("vit")["init_scale"] == 0.5
    for (name, a), (_, b) in zip(half.named_parameters(), whole.named_parameters(), strict=True):
        assert torch.equal(a, b / 2 if name.startswith("head") else b), name


def test_positions_are_distinct_fixed_and_follow_rows_and_columns():
    table = sincos_positions(3, 2, 8)
    assert table.shape == (6, 8)
    # Width 8: frequencies 1 and 1e-4; row 2, column 1 is patch number 2 * 2 + 1.
    angles = [1.0, 1e-4]
    expected = [f(k * a) for k in (1, 2) for f in (math.sin, math.cos) for a in angles]
    np.testing.assert_allclose(table[5].numpy(), expected, rtol=1e-14)
    assert torch.pdist(table).min() > 0.1
    net = build("vit", seed=0)
    assert "positions" not in dict(net.named_parameters())


def test_vit_cuts_patches_in_reading_order():
    net = build("vit", (2, 4, 6), seed=0, dtype=torch.float64, patch=2)
    seen = []
    net.embed[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.arange(48, dtype=torch.float64).view(1, 2, 4, 6)
    net(x)
    for number in range(6):
        i, j = 2 * (number // 3), 2 * (number % 3)
        block = x[0, :, i : i + 2, j : j + 2].permute(1, 2, 0).flatten()
        assert torch.equal(seen[0][0, number], block)


def test_vit_without_positions_ignores_the_order_of_patches():
    net = build("vit", seed=1, dtype=torch.float64)
    x = torch.randn(2, *DIGITS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    swapped = torch.cat([x[:, :, 4:], x[:, :, :4]], dim=2)
    assert (net(x) - net(swapped)).abs().max() > 1e-4
    net.positions.zero_()
    torch.testing.assert_close(net(x), net(swapped), rtol=1e-11, atol=1e-13)


def test_attention_equals_torch_fused_attention():
    block = build("vit", seed=3, dtype=torch.float64, heads=2, head_width=4).attention[0]
    x = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    q, k, v = (z.view(3, 5, 2, 4).transpose(1, 2) for z in block.to_qkv(block.norm(x)).chunk(3, -1))
    fused = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    expected = block.to_out(fused.transpose(1, 2).reshape(3, 5, 8))
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_flat_parameters_round_trip(name):
    net = build(name, seed=0)
    flat = parameters_to_vector(net.parameters())
    vector_to_parameters(flat * 2, net.parameters())
    assert torch.equal(parameters_to_vector(net.parameters()), flat * 2)
    assert flat.numel() == parameter_count(net)


def test_a_new_architecture_is_a_class_and_a_row(monkeypatch):
    class Linear(torch.nn.Sequential):
        def __init__(self, image_shape, classes, gain=1.0):
            super().__init__(torch.nn.Flatten(), torch.nn.Linear(math.prod(image_shape), classes))
            self[1].weight.data.mul_(gain)

    rows = {**ARCHITECTURES, "linear": Architecture(Linear, "one layer")}
    monkeypatch.setattr(architectures, "ARCHITECTURES", rows)
    assert resolve_sizes("linear") == {"gain": 1.0}
    one, two = build("linear", seed=0), build("linear", seed=0, gain=2)
    assert torch.equal(one[1].weight * 2, two[1].weight)
    assert parameter_count(one) == 650


def test_resolved_sizes_are_the_defaults_with_changes():
    assert resolve_sizes("cnn") == {"channels": (8, 16), "activation": "tanh"}
    assert resolve_sizes("cnn", channels=[4, 8])["channels"] == (4, 8)
    assert resolve_sizes("vit")["depth"] == 3


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("rnn", {}, r"unknown architecture 'rnn': choose one of mlp, cnn, vit\."),
        ("mlp", {"hidden": 3}, r"unknown size 'hidden' for 'mlp': it takes width, activation\."),
        ("mlp", {"width": 0}, r"width must be a positive whole number, not 0\."),
        ("mlp", {"width": 2.5}, r"width must be a positive whole number, not 2\.5\."),
        ("mlp", {"width": True}, r"width must be a positive whole number, not True\."),
        ("mlp", {"activation": "relu"}, r"unknown activation 'relu': choose .* tanh, gelu,"),
        ("cnn", {"channels": 8}, r"channels must be 2 positive whole numbers, not 8\."),
        ("cnn", {"channels": (8, 0)}, r"each entry of channels must be a positive whole number"),
        ("cnn", {"image_shape": (1, 3, 8)}, r"at least 4 x 4, not 3 x 8: give larger images"),
        ("vit", {"patch": 3}, r"patch 3 does not divide an image of 8 x 8: .* that divides 8\."),
        ("vit", {"width": 6}, r"width 6 cannot hold .*: choose a multiple of four\."),
        ("vit", {"init_scale": -1.0}, r"init_scale must be a positive finite number, not -1\.0\."),
        ("vit", {"image_shape": (8, 8)}, r"image_shape .* must be 3 positive whole numbers"),
        ("mlp", {"classes": 0}, r"classes must be a positive whole number, not 0\."),
        ("mlp", {"dtype": torch.int64}, r"dtype must be a floating type .*, not torch\.int64\."),
    ],
)
def test_errors_say_what_to_do_in_one_sentence(name, arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        build(name, seed=0, **arguments)
    assert "\n" not in str(caught.value)
