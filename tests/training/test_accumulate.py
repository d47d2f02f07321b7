import time

import numpy as np
import pytest

from refdiff.core import trees
from refdiff.losses import DenoisingLoss, draws
from refdiff.models import MLP
from refdiff.nn import Linear, adam
from refdiff.process import V
from refdiff.schedules import Cosine
from refdiff.training import accumulated, begin, train

RNG = np.random.default_rng
LINE = Linear(3, 1)


def squares(params, rng, batch):
    x, y = batch
    guess, pull = LINE(params, x)
    error = guess - y
    return error[:, 0] ** 2, pull(2 * error / len(x))[0]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("parts", [1, 2, 4, 12])
def test_the_gradient_of_the_parts_is_that_of_the_whole_batch(parts, threads):
    params, x, y = LINE.init(RNG(0), np.float64), RNG(1).standard_normal((12, 3)), RNG(2).standard_normal((12, 1))
    losses, whole = squares(params, None, (x, y))
    loss, grads = accumulated(squares, parts, threads=threads)(params, RNG(3), (x, y))
    np.testing.assert_allclose(np.mean(loss), np.mean(losses), rtol=1e-14)
    np.testing.assert_allclose(trees.ravel(grads), trees.ravel(whole), rtol=1e-12, atol=1e-15)  # sums reordered


def test_the_denoising_loss_is_accumulated_with_the_noise_of_the_whole_batch():
    # at one fixed level no levels are drawn, so the parts draw from the generator what the whole batch would
    net, x = MLP(2, width=8, depth=1, waves=4), RNG(1).standard_normal((8, 2))
    params = trees.transform(lambda p: p + 0.1, net.init(RNG(0), np.float64))
    fixed = draws.among([Cosine()(0.4)])
    objective = DenoisingLoss(V).objective(net, lambda n, *, rng: fixed(n, rng=RNG(0)), told=True)
    whole, parts = objective(params, RNG(3), x), accumulated(objective, 4)(params, RNG(3), x)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-13)
    np.testing.assert_allclose(trees.ravel(parts[1]), trees.ravel(whole[1]), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(np.concatenate([losses for _, losses in parts[2]]), whole[2][0][1], rtol=1e-13)


def test_a_run_in_parts_is_the_run_of_whole_batches():
    def batch(rng):
        x = rng.standard_normal((12, 3))
        return x, x.sum(axis=1, keepdims=True)

    flats = []
    for parts in (1, 3):
        state = begin(LINE.init(RNG(0), np.float64), optimizer=adam(0.01), rng=RNG(1))
        list(train(accumulated(squares, parts), batch, state, steps=20))
        flats.append(state.flat)
    np.testing.assert_allclose(flats[1], flats[0], rtol=1e-9)  # 20 steps of Adam on gradients equal to 1e-15


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"batch must divide into 5 parts; got 12 samples\."):
        accumulated(squares, 5)(LINE.init(RNG(0)), None, (np.ones((12, 3)), np.ones((12, 1))))


def test_in_threads_the_numbers_are_the_same_however_the_threads_race():
    net, x = MLP(2, width=8, depth=1, waves=4), RNG(1).standard_normal((8, 2))
    params, objective = net.init(RNG(0), np.float64), DenoisingLoss(V).objective(net, draws.in_time(Cosine()))

    def slow_first(params, rng, batch):
        time.sleep(0.02 * (batch[0, 0] == x[0, 0]))
        return objective(params, rng, batch)

    told = [
        accumulated(f, 4, threads=n)(params, RNG(5), x) for f, n in ((objective, 2), (objective, 4), (slow_first, 2))
    ]
    for loss, grads in told[1:]:
        assert loss == told[0][0]
        np.testing.assert_array_equal(trees.ravel(grads), trees.ravel(told[0][1]))
    one = accumulated(objective, 4)(params, RNG(5), x)
    assert one[0] != told[0][0]  # each part draws from a generator of its own


def test_a_part_that_fails_in_a_thread_fails_the_step():
    def broken(params, rng, batch):
        raise ArithmeticError("no")

    with pytest.raises(ArithmeticError, match="no"):
        accumulated(broken, 2, threads=2)({}, RNG(0), np.ones((4, 2)))
