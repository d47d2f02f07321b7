"""A walk names every part with the shapes, parameters and products that it really has."""

import numpy as np
import pytest

from refdiff.core import trees
from refdiff.models import MLP, DiT, UNet
from refdiff.models.shape_walk import walk
from refdiff.nn import CrossAttention

IMAGES = np.zeros((3, 8, 8, 1))
NETS = [
    UNet(1, (8, 16), groups=4, heads=2, labels=3, waves=8),
    UNet(1, (8,), blocks=2, groups=4, heads=2, patch=2, waves=8),
    DiT(8, 8, dim=16, depth=2, heads=2, waves=8),
]


class Counted(np.ndarray):
    """An array that counts the multiplications of every matrix product it takes part in."""

    products = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        plain = [x.view(np.ndarray) if isinstance(x, Counted) else x for x in inputs]
        if out is not None:
            kwargs["out"] = tuple(x.view(np.ndarray) if isinstance(x, Counted) else x for x in out)
        y = getattr(ufunc, method)(*plain, **kwargs)
        if ufunc is np.matmul and min(x.ndim for x in plain) > 1:  # products with a vector of ones are sums
            Counted.products += y.size * plain[0].shape[-1]
        return y.view(Counted) if isinstance(y, np.ndarray) else y


@pytest.mark.parametrize("net", NETS, ids=["unet", "patched unet", "dit"])
def test_products_are_those_that_numpy_is_asked_for(net):
    params = net.init(np.random.default_rng(0), np.float64)
    stops = walk(net, params, IMAGES, np.full(3, 0.5))
    Counted.products = 0
    net(trees.transform(lambda leaf: leaf.view(Counted), params), IMAGES.view(Counted), np.full(3, 0.5))
    assert sum(stop.products for stop in stops) == Counted.products


@pytest.mark.parametrize("net", NETS, ids=["unet", "patched unet", "dit"])
def test_a_walk_ends_with_what_the_network_says_and_counts_all_its_parameters(net):
    params = net.init(np.random.default_rng(0), np.float64)
    stops = walk(net, params, IMAGES, 0.5)
    assert stops[-1].output == net(params, IMAGES, np.asarray(0.5))[0].shape
    assert sum({stop.name: stop.params for stop in stops}.values()) == trees.size(params)


def test_a_deeper_walk_splits_a_part_into_its_parts():
    net = NETS[0]
    params = net.init(np.random.default_rng(0))
    coarse, fine = walk(net, params, IMAGES, 0.5), walk(net, params, IMAGES, 0.5, depth=2)
    assert [s for s in fine if "/" not in s.name] == coarse
    for stop in coarse:
        inside = [s for s in fine if s.name.startswith(f"{stop.name}/")]
        assert stop.params == sum(s.params for s in inside)
        if stop.name != "look":  # whose own products are those of the attention inside
            assert stop.products == sum(s.products for s in inside)


def test_a_walk_leaves_the_network_as_it_was():
    net = NETS[0]
    before = dict(net.parts)
    walk(net, net.init(np.random.default_rng(0)), IMAGES, 0.5)
    assert net.parts == before
    assert all(net.parts[name] is part for name, part in before.items())


def test_a_walk_shows_what_went_in():
    net = UNet(1, (8, 16), groups=4, heads=2, waves=8)
    stops = {s.name: s for s in walk(net, net.init(np.random.default_rng(0)), IMAGES, 0.5)}
    assert stops["up0.0"].inputs == ((3, 8, 8, 16), (1, 32))
    assert str(stops["shrink0"]) == f"{'shrink0':<12} {'3 x 4 x 4 x 16':<16} {'528':>9} {'24,576':>12}"


def test_cross_attention_asks_each_context_once_a_token():
    layer = CrossAttention(8, 4, heads=2)
    params = layer.init(np.random.default_rng(0))
    inner = walk(layer, params, np.zeros((1, 5, 8)), np.zeros((1, 3, 4)))
    outer = walk(Shell(layer), {"look": params}, np.zeros((1, 5, 8)), np.zeros((1, 3, 4)))
    assert outer[0].products - sum(s.products for s in inner) == 2 * 5 * 3 * 8


class Shell:
    """A network of one part."""

    def __init__(self, layer):
        self.parts = {"look": layer}

    def __call__(self, params, *inputs, rng=None):
        return self.parts["look"](params["look"], *inputs, rng=rng)


def test_an_mlp_can_be_walked():
    net = MLP(2, width=8, depth=1)
    stops = walk(net, net.init(np.random.default_rng(0)), np.zeros((4, 2)), 0.5)
    assert [s.name for s in stops] == ["time", "in", "mix", "body", "out"]
    assert stops[-1].products == 4 * 8 * 2
