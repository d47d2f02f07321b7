"""Layers of images and tokens: derivatives by complex steps, values by direct loops."""

import numpy as np
import pytest

from refdiff.core import trees
from refdiff.nn import Sequential
from refdiff.nn.activation import GELU
from refdiff.nn.conv import Conv
from refdiff.nn.cross_entropy import cross_entropy
from refdiff.nn.dropout import Dropout
from refdiff.nn.gradcheck import keeps_dtype, layer_errors
from refdiff.nn.group_norm import GroupNorm
from refdiff.nn.norm import AdaptiveNorm, LayerNorm, RMSNorm
from refdiff.nn.patches import Patchify, Unpatchify
from refdiff.nn.resample import AveragePool, Fold, Unfold, Upsample

RNG = np.random.default_rng
X = RNG(1).standard_normal((3, 4, 6, 4))
FILM, ONE_FILM = 0.5 * RNG(2).standard_normal((3, 8)), 0.5 * RNG(3).standard_normal((1, 8))
TOKENS = RNG(4).standard_normal((3, 5, 4))

CASES = {
    "conv 3x3": (Conv(4, 3), X),
    "conv 3x3 of one pixel": (Conv(4, 3), X[:, :1, :1]),
    "conv 3x3 stride 2": (Conv(4, 3, stride=2), X),
    "conv 1x1": (Conv(4, 3, size=1), X),
    "conv 1x1 stride 2": (Conv(4, 3, size=1, stride=2), X),
    "upsample": (Upsample(2), X),
    "average": (AveragePool(2), X),
    "fold": (Fold(2), X),
    "unfold": (Unfold(2), X),
    "patchify": (Patchify(2, 4), X),
    "unpatchify": (Unpatchify(2, 4, 6), RNG(5).standard_normal((2, 6, 12))),
    "group norm": (GroupNorm(4, 2), X),
    "group norm of far values": (GroupNorm(4, 1), 100 + X),
    "group norm with film": (GroupNorm(4, 2), X, FILM),
    "group norm with one film for all": (GroupNorm(4, 2), X, ONE_FILM),
    "rms norm": (RMSNorm(4), X),
    "adaptive norm": (AdaptiveNorm(4), TOKENS, FILM),
    "adaptive norm with one film for all": (AdaptiveNorm(4), TOKENS, ONE_FILM),
    "gelu": (GELU(), 2 * X),
    "dropout": (Dropout(0.5), X),
}


def shaken(layer, seed=7):
    """Parameters with no zeros and no ones left, so that no term is silent."""
    rng = RNG(seed)
    return trees.transform(lambda leaf: leaf + 0.3 * rng.standard_normal(leaf.shape), layer.init(rng, np.float64))


@pytest.mark.parametrize("case", CASES)
def test_pullbacks_are_the_transposed_derivatives_and_keep_the_dtype(case):
    layer, *inputs = CASES[case]
    errors = layer_errors(layer, shaken(layer), *inputs, rng=RNG(5))
    assert errors.gradient < 1e-13
    assert errors.linearity < 1e-13
    assert errors.curvature < 1e-8  # the error of fourth-order differences
    assert errors.reuse == 0
    assert keeps_dtype(layer, layer.init(RNG(0)), *inputs)


def by_loops(x, w, b, stride):
    """The sum over the window written out, pixel by pixel."""
    size, _, _, n_out = w.shape
    r = size // 2
    n, height, width, _ = x.shape
    y = np.zeros((n, height // stride, width // stride, n_out))
    for i in range(0, height, stride):
        for j in range(0, width, stride):
            for k in range(size):
                for l in range(size):
                    at, beside = i + k - r, j + l - r
                    if 0 <= at < height and 0 <= beside < width:
                        y[:, i // stride, j // stride] += x[:, at, beside] @ w[k, l]
    return y + b


@pytest.mark.equation("conv.Conv")
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_is_the_sum_over_its_window(size, stride):
    layer = Conv(4, 3, size, stride)
    p = shaken(layer)
    np.testing.assert_allclose(layer(p, X)[0], by_loops(X, p["w"], p["b"], stride), rtol=1e-13, atol=1e-14)


@pytest.mark.equation("conv.Conv")
def test_convolution_of_one_row_is_numpys_correlation():
    layer, x = Conv(1, 1), X[0, 0, :, 0]
    p = shaken(layer)
    row = p["w"][1, :, 0, 0]
    got = layer(p, x[None, None, :, None])[0][0, 0, :, 0] - p["b"]
    np.testing.assert_allclose(got, np.convolve(x, row[::-1], mode="same"), rtol=1e-13)


@pytest.mark.equation("conv.Conv")
@pytest.mark.parametrize(
    "limits", [{"CHUNK": 1}, {"CHUNK": 2 * 3 * X[0].size}, {"SMALL": 1}, {"SMALL": 2 * 6 * 3 * 4 * 3}]
)
def test_convolution_in_chunks_of_images_and_tiles_of_rows_is_the_same(monkeypatch, limits):
    layer = Conv(4, 3)
    p, dy = shaken(layer), RNG(6).standard_normal((3, 4, 6, 3))
    y, pull = layer(p, X)
    grads, dx = pull(dy)
    for name, value in limits.items():
        monkeypatch.setattr(f"refdiff.nn.conv.{name}", value)
    y_each, pull_each = layer(p, X)
    grads_each, dx_each = pull_each(dy)
    np.testing.assert_allclose(y_each, y, rtol=1e-13)
    np.testing.assert_allclose(dx_each, dx, rtol=1e-13)
    np.testing.assert_allclose(grads_each["w"], grads["w"], rtol=1e-12)


@pytest.mark.equation("conv.Conv")
def test_a_moved_image_gives_a_moved_output_away_from_the_border():
    layer, x = Conv(4, 3), np.zeros((1, 8, 8, 4))
    x[:, 2:5, 2:5] = RNG(0).standard_normal((1, 3, 3, 4))
    p = shaken(layer)
    moved = layer(p, np.roll(x, (1, 2), axis=(1, 2)))[0]
    np.testing.assert_array_equal(moved, np.roll(layer(p, x)[0], (1, 2), axis=(1, 2)))


def test_fresh_convolutions_keep_the_spread_of_their_input():
    x = RNG(0).standard_normal((2, 16, 16, 64))
    for size in (1, 3):
        layer = Conv(64, 128, size)
        inner = layer(layer.init(RNG(1), np.float64), x)[0][:, 1:-1, 1:-1]
        assert np.std(inner) == pytest.approx(1, rel=0.03)  # 8,192 weights at least: 0.8 % of relative error
    layer = Conv(4, 3, gain=0.0)
    assert not layer(layer.init(RNG(1), np.float64), X)[0].any()


@pytest.mark.equation("resample.Upsample", "resample.AveragePool")
def test_the_average_of_repeated_pixels_is_the_image():
    big = Upsample(3)({}, X)[0]
    assert big.shape == (3, 12, 18, 4)
    np.testing.assert_array_equal(big[:, 1::3, 2::3], X)
    np.testing.assert_allclose(AveragePool(3)({}, big)[0], X, rtol=1e-15)
    np.testing.assert_allclose(AveragePool(2)({}, X)[0][:, 0, 1], X[:, :2, 2:4].mean(axis=(1, 2)), rtol=1e-14)


@pytest.mark.equation("resample.Fold", "resample.Unfold")
def test_folding_loses_nothing_and_keeps_the_stated_order():
    y = Fold(2)({}, X)[0]
    assert y.shape == (3, 2, 3, 16)
    corner = [X[:, 2, 4], X[:, 2, 5], X[:, 3, 4], X[:, 3, 5]]
    np.testing.assert_array_equal(y[:, 1, 2], np.concatenate(corner, axis=1))
    np.testing.assert_array_equal(Unfold(2)({}, y)[0], X)


@pytest.mark.equation("patches.Patchify", "patches.Unpatchify")
def test_tokens_are_the_patches_row_by_row():
    y = Patchify(2, 4)({}, X)[0]
    assert y.shape == (3, 6, 16)
    np.testing.assert_array_equal(y[:, 4], X[:, 2:4, 2:4].reshape(3, -1))
    np.testing.assert_array_equal(Unpatchify(2, 4, 6)({}, y)[0], X)


@pytest.mark.equation("resample.Fold")
def test_a_linear_map_of_folded_pixels_is_a_convolution_of_stride_two():
    w = RNG(0).standard_normal((2, 2, 4, 3))
    direct = sum(X[:, k::2, l::2] @ w[k, l] for k in range(2) for l in range(2))
    np.testing.assert_allclose(Fold(2)({}, X)[0] @ w.reshape(16, 3), direct, rtol=1e-12, atol=1e-14)


@pytest.mark.equation("group_norm.GroupNorm")
def test_group_norm_is_mean_and_variance_of_each_group():
    layer = GroupNorm(4, 2)
    p = shaken(layer)
    groups = X.reshape(3, 4, 6, 2, 2)
    axes = (1, 2, 4)
    n = (groups - groups.mean(axes, keepdims=True)) / np.sqrt(groups.var(axes, keepdims=True) + layer.tiny)
    want = n.reshape(X.shape) * p["scale"] + p["shift"]
    np.testing.assert_allclose(layer(p, X)[0], want, rtol=1e-12, atol=1e-14)
    told = want * (1 + FILM[:, None, None, :4]) + FILM[:, None, None, 4:]
    np.testing.assert_allclose(layer(p, X, FILM)[0], told, rtol=1e-12, atol=1e-14)


@pytest.mark.equation("group_norm.GroupNorm")
def test_group_norm_does_not_cancel_in_float32():
    layer = GroupNorm(4, 2)
    p = layer.init(RNG(0))
    near, far = layer(p, X.astype(np.float32))[0], layer(p, (X + 1000).astype(np.float32))[0]
    assert np.abs(near - far).max() < 1e-3  # X + 1000 is rounded to 6e-5


@pytest.mark.equation("norm.RMSNorm")
def test_rms_norm_gives_rows_of_mean_square_one_and_takes_no_mean_off():
    layer = RMSNorm(4, tiny=0.0)
    y = layer(layer.init(RNG(0), np.float64), X + 5)[0]
    np.testing.assert_allclose(np.mean(y**2, axis=-1), 1, rtol=1e-13)
    np.testing.assert_allclose(y / y[..., :1], (X + 5) / (X + 5)[..., :1], rtol=1e-12)


@pytest.mark.equation("norm.AdaptiveNorm")
def test_adaptive_norm_is_layer_norm_with_scale_and_shift_from_outside():
    plain = LayerNorm(4, tiny=1e-6)
    for i, token in enumerate(TOKENS):
        want = plain({"scale": 1 + FILM[i, :4], "shift": FILM[i, 4:]}, token)[0]
        np.testing.assert_allclose(AdaptiveNorm(4)({}, TOKENS, FILM)[0][i], want, rtol=1e-12, atol=1e-14)


@pytest.mark.equation("activation.GELU")
def test_gelu_is_nearly_x_times_the_normal_distribution_function():
    from scipy.special import ndtr

    x = np.linspace(-8, 8, 3201)
    y = GELU()({}, x)[0]
    assert np.abs(y - x * ndtr(x)).max() < 5e-4
    np.testing.assert_allclose(y, x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), atol=1e-14)


@pytest.mark.equation("dropout.Dropout")
def test_dropout_keeps_the_mean_and_its_pullback_uses_the_same_mask():
    x = np.ones((200, 500), np.float32)
    y, pull = Dropout(0.2)({}, x, rng=RNG(0))
    assert set(np.unique(y)) == {0.0, np.float32(1) / np.float32(0.8)}
    assert abs(y.mean() - 1) < 4 * 0.5 / np.sqrt(x.size)  # four standard errors: sd is sqrt(p/(1 - p))
    np.testing.assert_array_equal(pull(x)[1], y)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(Dropout(0.2)({}, x)[0], x)


@pytest.mark.equation("cross_entropy.cross_entropy")
def test_cross_entropy_is_minus_the_log_of_the_labels_share():
    logits, labels = RNG(0).standard_normal((5, 3)), np.array([0, 2, 1, 1, 0])
    losses, pull = cross_entropy(logits, labels)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(losses, -np.log(shares[np.arange(5), labels]), rtol=1e-13)
    d, v = RNG(1).standard_normal(5), RNG(2).standard_normal((5, 3))
    moved = cross_entropy(logits + 1e-30j * v, labels)[0].imag / 1e-30
    assert np.sum(pull(d) * v) == pytest.approx(d @ moved, rel=1e-12)
    np.testing.assert_allclose(cross_entropy(np.zeros((2, 7)), np.array([0, 6]))[0], np.log(7))
    far = cross_entropy(np.array([[1e4, -1e4]]), np.array([1]))
    assert far[0] == 2e4


@pytest.mark.parametrize("labels", [[-1], [3], [0.0], [0, 1]])
def test_labels_that_name_no_column_are_refused(labels):
    with pytest.raises(ValueError, match="labels must"):
        cross_entropy(np.zeros((1, 3)), np.array(labels))


def test_images_that_do_not_fit_are_refused():
    p = Conv(4, 3).init(RNG(0))
    with pytest.raises(ValueError, match=r"x must be \(B, H, W, 4\); got \(3, 4, 6, 3\). Channels come last"):
        Conv(4, 3)(p, X[..., :3])
    with pytest.raises(ValueError, match=r"x must be \(B, H, W, C\); got \(4, 6, 4\)"):
        Upsample()({}, X[0])
    for layer in (Conv(4, 3, stride=2), AveragePool(2), Fold(2), Patchify(2, 4)):
        with pytest.raises(ValueError, match="x must have sides that are multiples of 2"):
            layer(layer.init(RNG(0)), X[:, :3])
    with pytest.raises(ValueError, match="x must have channels in multiples of 9"):
        Unfold(3)({}, X)
    with pytest.raises(ValueError, match=r"x must be \(B, 6, multiple of 4\)"):
        Unpatchify(2, 4, 6)({}, TOKENS)
    with pytest.raises(ValueError, match="height must be a multiple of the patch size 2"):
        Unpatchify(2, 5, 6)
    with pytest.raises(ValueError, match="groups must divide the width 4; got 3"):
        GroupNorm(4, 3)
    with pytest.raises(ValueError, match=r"film must be \(3, 8\) or \(1, 8\); got \(3, 4\)"):
        GroupNorm(4, 2)(GroupNorm(4, 2).init(RNG(0)), X, FILM[:, :4])
    with pytest.raises(ValueError, match="size must be 1 or 3"):
        Conv(4, 3, size=5)
    with pytest.raises(ValueError, match="stride must be 1 or 2"):
        Conv(4, 3, stride=3)
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\)"):
        Dropout(1.0)


def test_image_layers_chain():
    net = Sequential(Conv(4, 8), GroupNorm(8, 2), GELU(), AveragePool(), Conv(8, 4, stride=1), Upsample())
    assert layer_errors(net, shaken(net), X, rng=RNG(0)).gradient < 1e-12
