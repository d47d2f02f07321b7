"""Independent judges of samples: small classifiers that have seen real images only."""

import math
from collections.abc import Callable

import numpy as np

from refdiff.core import trees
from refdiff.core.arrays import Array, softmax
from refdiff.data import Labelled
from refdiff.models import Classifier
from refdiff.nn import Linear, Sequential, SiLU, adam, rates
from refdiff.nn.resample import fold

Judge = Callable[[Array], Array]
"""Images as rows, (B, D), to the classes it reads, (B,)."""

BLUR = 0.1  # standard deviation of the noise on what a judge learns from: samples are not free of it either


def train_judge(data: Labelled, *, classes: int = 10, steps: int = 600, rng: np.random.Generator) -> Judge:
    """Train a perceptron of one hidden layer on slightly noisy images by the cross-entropy of its softmax.

    Parameters
    ----------
    data : Labelled
        Real images.
    classes, steps : int
        How many classes, and how many steps of 128 images.
    rng : Generator
        Of the start, the batches and the noise.
    """
    net = Sequential(Linear(data.flat.shape[1], 128), SiLU(), Linear(128, classes))
    return _trained(net, lambda rows: rows, data, batch=128, steps=steps, rng=rng)


def train_conv_judge(data: Labelled, *, classes: int = 10, steps: int = 2400, rng: np.random.Generator) -> Judge:
    """The same for a convolutional network, which sees an image and no mere row of pixels: slower, and better.

    Parameters
    ----------
    data : Labelled
        Real images, square, their side a multiple of 4.
    classes, steps : int
        How many classes, and how many steps of 64 images.
    rng : Generator
        Of the start, the batches and the noise.
    """

    def folded(rows: Array) -> Array:
        side = math.isqrt(rows.shape[1])
        return fold(rows.reshape(-1, side, side, 1), 2)

    net = Classifier(classes, n_in=4, widths=(32, 64))
    return _trained(net, folded, data, batch=64, steps=steps, rng=rng)


def _trained(
    net: Sequential | Classifier,
    seen: Callable[[Array], Array],
    data: Labelled,
    *,
    batch: int,
    steps: int,
    rng: np.random.Generator,
) -> Judge:
    """A judge by a network and what it sees of rows."""
    images, labels = data.flat, data.labels
    flat, params = trees.flatten(net.init(rng))
    optimizer = adam(rates.cosine(3e-3, steps))
    slots = optimizer.init(flat)
    for _ in range(steps):
        i = rng.integers(len(images), size=batch)
        x = images[i] + BLUR * rng.standard_normal((batch, images.shape[1]), dtype=np.float32)
        logits, pull = net(params, seen(x))
        dlogits = softmax(logits, axis=1)
        dlogits[np.arange(batch), labels[i]] -= 1  # the gradient of the cross-entropy
        optimizer.update(flat, trees.ravel(pull(dlogits / np.float32(batch))[0]), slots)
    return lambda x: np.concatenate(
        [np.argmax(net(params, seen(x[k : k + 500].astype(np.float32)))[0], axis=1) for k in range(0, len(x), 500)]
    )
