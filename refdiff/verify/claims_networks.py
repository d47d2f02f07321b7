"""Claims about networks of images and tokens."""

from typing import Any

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array
from refdiff.core.calculus import STEP
from refdiff.models import DiT, UNet
from refdiff.nn import Conv, CrossAttention, DiTBlock, GroupNorm, ResBlock, Rotary, SelfAttention, attend, sinusoids_2d
from refdiff.verify.claims import Check, Mutant, claim, off
from refdiff.verify.probe import scattered


def shaken(layer: Any) -> trees.Tree:
    """Parameters without zeros and ones, so that no term is silent."""
    rng = np.random.default_rng(0)  # of the check, not of the library: any draw must do
    params: trees.Tree = layer.init(rng, np.float64)
    return trees.transform(lambda leaf: leaf + 0.2 * rng.standard_normal(leaf.shape), params)


@claim(
    tol=1e-11,
    catches="a skip, a gate or a tap of a window that the way back forgets",
    proves=["unet.UNet", "transformer.DiT", "conv.Conv", "blocks.ResBlock", "blocks.DiTBlock", "attention.attend",
            "resample.Fold", "resample.Unfold", "group_norm.GroupNorm", "norm.AdaptiveNorm", "activation.GELU",
            "conditioning.Condition"],
)  # fmt: skip
def big_networks_differentiate_exactly() -> float:
    """Hand-written backpropagation through a U-Net and a transformer is the transpose of their derivative."""
    small, worst = {"labels": 2, "waves": 4}, 0.0
    x, t, labels = scattered((2, 4, 4, 1)), np.array([0.3, 1.2]), np.array([1, 2])
    for net in (UNet(1, (4, 8), groups=2, heads=2, **small), DiT(4, 4, dim=8, depth=1, heads=2, **small)):
        params = shaken(net)
        flat = trees.ravel(params)
        y, pull = net(params, x, t, labels)
        dy, v, vx = scattered(y.shape), scattered(flat.shape), scattered(x.shape)
        grads, dx, *_ = pull(dy)
        for step, stepx, want in ((v, 0 * vx, trees.ravel(grads) @ v), (0 * v, vx, np.sum(dx * vx))):
            moved = trees.unflatten(flat + 1j * STEP * step, params)
            jv = net(moved, x + 1j * STEP * stepx, t + 0j, labels)[0].imag / STEP
            worst = max(worst, off(np.sum(dy * jv), want))
    return worst


@claim(
    tol=1e-13,
    catches="a window turned round, or neighbours exchanged",
    proves=["conv.Conv"],
)
def convolution_is_a_sum_over_a_window() -> float:
    """A 3 x 3 convolution by three matrix products is the sum over its window, tap by tap, at stride 1 and 2."""
    x, worst = scattered((2, 4, 6, 3)), 0.0
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for stride in (1, 2):
        layer = Conv(3, 2, stride=stride)
        p = shaken(layer)
        want = sum(
            np.einsum("bijc,co->bijo", padded[:, k : k + 4 : stride, l : l + 6 : stride], p["w"][k, l])
            for k in range(3)
            for l in range(3)
        )
        worst = max(worst, off(layer(p, x)[0], want + p["b"]))
    return worst


@claim(
    tol=1e-12,
    catches="scores that are not divided by sqrt d, or a mask that is turned round",
    proves=["attention.attend", "attention.SelfAttention", "attention.CrossAttention"],
)
def attention_is_a_mean_over_a_set() -> float:
    """Attention is a weighted mean of what may be seen, and gives permuted tokens permuted answers."""
    x, context = scattered((2, 4, 8)), scattered((2, 3, 6))
    order, seen = np.array([2, 0, 3, 1]), np.array([[True, False, True]] * 4)
    one, two = SelfAttention(8, 2), CrossAttention(8, 6, 2)
    p, q = shaken(one), shaken(two)
    gaps = [off(one(p, x[:, order])[0], one(p, x)[0][:, order])]
    gaps.append(off(two(q, x, context, seen)[0], two(q, x, context[:, [2, 0]])[0]))
    scores = np.exp(x @ x.swapaxes(1, 2) / np.sqrt(8))
    gaps.append(off(attend(x, x, x)[0], scores @ x / scores.sum(axis=2, keepdims=True)))
    return max(gaps)


@claim(
    tol=0.0,
    catches="a residual branch or a gate that does not start at zero",
    proves=["blocks.ResBlock", "blocks.DiTBlock", "unet.UNet", "transformer.DiT"],
)
def fresh_blocks_do_nothing() -> float:
    """Before any training a residual block and an adaLN-Zero block hand on their input, and a network says 0."""
    rng = np.random.default_rng(0)  # of the check: any draw must do
    image, tokens, e = scattered((2, 4, 4, 8)), scattered((2, 5, 8)), scattered((2, 3))
    res, dit = ResBlock(8, 8, 3, 2), DiTBlock(8, 3, 2)
    nets: list[Any] = [UNet(8, (4, 8), groups=2, heads=2, waves=4), DiT(4, 4, 8, dim=8, heads=2, waves=4)]
    left = [res(res.init(rng, np.float64), image, e)[0] - image, dit(dit.init(rng, np.float64), tokens, e)[0] - tokens]
    left += [net(net.init(rng, np.float64), image, np.asarray(0.5))[0] for net in nets]
    return max(float(np.max(np.abs(d))) for d in left)


@claim(
    tol=1e-13,
    catches="a turn of the wrong sense in one half, or rows and columns that share their waves",
    proves=["positions.Rotary", "positions.sinusoids_2d"],
)
def positions_enter_by_their_difference() -> float:
    """Products of rotary queries and keys, and of two places' sinusoids, depend on the difference of places alone."""
    q, k = (np.tile(v, (7, 1)) for v in scattered((2, 8)))
    products = Rotary(8)({}, q)[0] @ Rotary(8)({}, k)[0].T
    rows = [np.diagonal(products, d) for d in range(-6, 7)]
    table = sinusoids_2d(3, 4, 16)
    gram: Array = (table @ table.T).reshape(3, 4, 3, 4)
    down, across = gram[1:, :, 1:] - gram[:-1, :, :-1], gram[:, 1:, :, 1:] - gram[:, :-1, :, :-1]
    moved = max(float(np.max(np.abs(d))) for d in (down, across))
    return max(float(np.ptp(row)) for row in rows) + moved


@claim(
    tol=1e-12,
    catches="a condition that scales what was normalised but not the layer's own shift",
    proves=["group_norm.GroupNorm"],
)
def conditions_set_mean_and_spread() -> float:
    """Told [s | t], a group norm of scale a and shift b gives a channel mean b (1 + s) + t and spread |a (1 + s)|."""
    x, film = 5 + scattered((2, 8, 8, 4)), scattered((2, 8))
    layer = GroupNorm(4, 4, tiny=0.0)  # a group for each channel
    p = shaken(layer)
    y = layer(p, x, film)[0]
    s, t = film[:, :4], film[:, 4:]
    return max(
        off(y.mean(axis=(1, 2)), p["shift"] * (1 + s) + t), off(y.std(axis=(1, 2)), np.abs(p["scale"] * (1 + s)))
    )


CLAIMS: tuple[Check, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Check))

MUTANTS = (
    Mutant("conv._rows", "w[::-1, ::-1].swapaxes", "w[::-1].swapaxes", "big-networks-differentiate-exactly"),
    Mutant("unet.UNet.__call__", "dh + dskips.pop()", "dh + 0 * dskips.pop()", "big-networks-differentiate-exactly"),
    Mutant("blocks.DiTBlock.__call__", "np.sum(dh * a, axis=1)", "np.sum(dy * a, axis=1)",
           "big-networks-differentiate-exactly"),
    Mutant("attention.attend", "dp - np.sum(dp * p, axis=-1, keepdims=True)", "dp",
           "big-networks-differentiate-exactly"),
    Mutant("activation.GELU.__call__", "ROOT + 3 * CUBIC", "ROOT + CUBIC", "big-networks-differentiate-exactly"),
    Mutant("conv._beside", "laid[:, 1:-1, 1:, 0] = part[:, :, :-1]", "laid[:, 1:-1, :-1, 0] = part[:, :, 1:]",
           "convolution-is-a-sum-over-a-window"),
    Mutant("conv._each", "l : l + width : stride", "k : k + width : stride", "convolution-is-a-sum-over-a-window"),
    Mutant("attention.attend", "scale = q.shape[-1] ** -0.5", "scale = 1.0", "attention-is-a-mean-over-a-set"),
    Mutant("attention.attend", "np.where(mask, scores,", "np.where(~mask, scores,", "attention-is-a-mean-over-a-set"),
    Mutant("conv.Conv.init", "self.gain / (", "1 / (", "fresh-blocks-do-nothing"),
    Mutant("blocks.DiTBlock.__call__", "x + gate1[:, None] * a", "x + (1 + gate1[:, None]) * a",
           "fresh-blocks-do-nothing"),
    Mutant("positions._turned", "a * sin + b * cos", "b * cos - a * sin", "positions-enter-by-their-difference"),
    Mutant("positions.sinusoids_2d", "np.tile(columns, (height, 1))", "np.repeat(columns, height, axis=0)",
           "positions-enter-by-their-difference"),
    Mutant("group_norm.GroupNorm.__call__", "scale * more, shift * more +", "scale * more, shift +",
           "conditions-set-mean-and-spread"),
)  # fmt: skip
