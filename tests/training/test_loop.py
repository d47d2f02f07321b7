import math

import numpy as np
import pytest

from refdiff.core import trees
from refdiff.losses import DenoisingLoss, draws
from refdiff.models import MLP, as_denoiser
from refdiff.nn import Linear, adam, adamw, ema, rates
from refdiff.oracles import Normal
from refdiff.process import V
from refdiff.schedules import Cosine
from refdiff.training import Diverged, begin, train

RNG = np.random.default_rng
LINE = Linear(3, 1)
SLOPES = np.array([[1.0], [-2.0], [0.5]])


def pairs(rng):
    x = rng.standard_normal((32, 3))
    return x, x @ SLOPES + 3


def squares(params, rng, batch):
    x, y = batch
    guess, pull = LINE(params, x)
    error = guess - y
    return error[:, 0] ** 2, pull(2 * error / len(x))[0]


def start(seed=0, **options):
    options = {"optimizer": adam(0.05), "average": ema(0.9), **options}
    return begin(LINE.init(RNG(seed), np.float64), rng=RNG(seed + 1), **options)


def test_training_fits_a_line():
    state = start(optimizer=adam(rates.cosine(0.1, 400)))
    records = list(train(squares, pairs, state, steps=400))
    np.testing.assert_allclose(state.params["w"], SLOPES, atol=1e-3)
    assert state.params["b"][0] == pytest.approx(3, abs=1e-3)
    assert [r.step for r in records] == list(range(1, 401))
    assert records[-1].loss < 1e-5 < records[0].loss
    assert records[0].rate == 0.1


def test_the_rate_in_a_record_is_the_one_that_moved_the_parameters():
    state = start(optimizer=adam(lambda step: 0.1 if step < 2 else 0.0))
    seen = [(record.rate, state.flat.copy()) for record in train(squares, pairs, state, steps=4)]
    assert [rate for rate, _ in seen] == [0.1, 0.1, 0.0, 0.0]
    np.testing.assert_array_equal(seen[1][1], seen[3][1])
    assert not np.array_equal(seen[0][1], seen[1][1])


def test_training_moves_its_own_copy_and_the_tree_sees_the_vector():
    params = LINE.init(RNG(0), np.float64)
    before = trees.ravel(params)
    state = begin(params, optimizer=adam(0.1), rng=RNG(1))
    list(train(squares, pairs, state, steps=3))
    np.testing.assert_array_equal(trees.ravel(params), before)
    np.testing.assert_array_equal(trees.ravel(state.params), state.flat)
    assert not np.array_equal(state.flat, before)


def test_the_best_parameters_are_the_average_if_there_is_one():
    state, bare = start(), start(average=None)
    for _ in zip(train(squares, pairs, state, steps=5), train(squares, pairs, bare, steps=5), strict=True):
        pass
    np.testing.assert_array_equal(trees.ravel(state.best), state.averaged["mean"])
    np.testing.assert_array_equal(trees.ravel(bare.best), bare.flat)
    np.testing.assert_array_equal(state.flat, bare.flat)
    assert not np.array_equal(state.averaged["mean"], state.flat)


def test_stopping_and_going_on_is_the_same_as_not_stopping():
    whole, parts = start(), start()
    list(train(squares, pairs, whole, steps=20))
    for record in train(squares, pairs, parts, steps=20):
        if record.step == 7:
            break
    assert parts.step == 7
    list(train(squares, pairs, parts, steps=20))
    np.testing.assert_array_equal(parts.flat, whole.flat)
    np.testing.assert_array_equal(parts.averaged["mean"], whole.averaged["mean"])


def test_the_gradient_is_clipped_and_its_length_recorded_unclipped():
    state = start(optimizer=adam(1e-12))
    free = [r.norm for r in train(squares, pairs, state, steps=3)]
    clipped = start(optimizer=adam(1e-12))
    tight = [r.norm for r in train(squares, pairs, clipped, steps=3, clip=0.1)]
    np.testing.assert_allclose(tight, free, rtol=1e-9)
    assert np.sqrt(np.sum(clipped.slots["m"] ** 2)) < 0.1


def test_a_third_answer_of_the_objective_comes_back_in_the_record():
    def telling(params, rng, batch):
        return *squares(params, rng, batch), "seen"

    assert next(train(telling, pairs, start(), steps=1)).detail == "seen"
    assert next(train(squares, pairs, start(), steps=1)).detail is None


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_divergence_says_at_which_step_and_leaves_the_last_good_state(poison, tmp_path):
    def poisoned(params, rng, batch):
        loss, grads = squares(params, rng, batch)
        if state.step == 6:
            if poison == "loss":
                loss = loss * math.nan
            else:
                grads["w"] = grads["w"] * math.inf
        return loss, grads

    good, state = start(), start()
    list(train(squares, pairs, good, steps=6))
    with pytest.raises(Diverged, match=r"at step 7\. The state is that of step 6") as caught:
        list(train(poisoned, pairs, state, steps=20, path=tmp_path / "run.npz", every=3))
    assert caught.value.step == 7
    np.testing.assert_array_equal(state.flat, good.flat)
    assert (tmp_path / "run.npz").exists()
    list(train(squares, pairs, state, steps=9))
    list(train(squares, pairs, good, steps=9))
    np.testing.assert_array_equal(state.flat, good.flat)  # the randomness of the bad step was taken back


def test_an_overflow_is_told_as_divergence_and_not_as_a_warning():
    state = begin(LINE.init(RNG(0)), optimizer=adam(1e30), rng=RNG(1))
    with pytest.raises(Diverged, match="lower the rate, warm it up, or clip"):
        list(train(squares, pairs, state, steps=20))
    assert np.isfinite(state.flat).all()


def test_a_loss_that_stays_finite_and_grows_out_of_bounds_is_told_as_divergence():
    state = start(optimizer=adam(100.0))
    with pytest.raises(Diverged, match="must stay finite and in bounds; got loss"):
        list(train(squares, pairs, state, steps=50, clip=1.0, most=1e3))
    assert state.step < 10
    assert np.isfinite(state.flat).all()


def test_an_interrupt_during_a_step_leaves_the_state_between_steps():
    whole, state = start(), start()
    list(train(squares, pairs, whole, steps=8))

    def interrupted(rng):
        rng.standard_normal(100)
        raise KeyboardInterrupt

    list(train(squares, pairs, state, steps=4))
    with pytest.raises(KeyboardInterrupt):
        list(train(squares, interrupted, state, steps=8))
    assert not state.torn
    list(train(squares, pairs, state, steps=8))
    np.testing.assert_array_equal(state.flat, whole.flat)


def test_an_interrupted_update_is_known_as_such():
    state = start()
    slow = adam(0.1)

    def update(params, grads, slots):
        slow.update(params, grads, slots)
        raise KeyboardInterrupt

    state.optimizer = slow._replace(update=update)
    with pytest.raises(KeyboardInterrupt):
        list(train(squares, pairs, state, steps=2))
    assert state.torn


def test_arguments_are_refused_at_the_call_and_not_at_the_first_step():
    with pytest.raises(ValueError, match="every must be a whole number of at least 1"):
        train(squares, pairs, start(), steps=3, every=0)
    with pytest.raises(ValueError, match="params must hold"):
        begin({}, optimizer=adam(0.1), rng=RNG(0))


def test_float32_training_stays_in_float32():
    net = MLP(2, width=16, depth=1, labels=3, waves=4)
    objective = DenoisingLoss(V).objective(net, draws.in_time(Cosine()))
    state = begin(net.init(RNG(0)), optimizer=adamw(rates.cosine(1e-3, 9)), average=ema(), rng=RNG(1))
    dtypes = set()

    def watched(params, rng, batch):
        loss, grads = objective(params, rng, batch)
        dtypes.update(leaf.dtype for leaf in trees.leaves(grads))
        return loss, grads

    list(train(watched, lambda rng: (rng.standard_normal((8, 2)), rng.integers(0, 3, 8)), state, steps=3, clip=1.0))
    arrays = [state.flat, state.averaged["mean"], state.slots["m"], state.slots["v"]]
    assert {a.dtype for a in arrays} | dtypes == {np.dtype(np.float32)}


@pytest.mark.equation("mlp.MLP")
def test_a_network_learns_a_normal_law_down_to_its_exact_floor():
    """The excess over the floor is E |raw - raw*|^2, measured against the exact denoiser."""
    law = Normal(np.array([0.5, -1.0]), np.diag([0.3, 1.0]))
    net, steps = MLP(2, width=32, depth=1), 400
    objective = DenoisingLoss(V).objective(net, draws.in_time(Cosine(), even=True))
    state = begin(
        net.init(RNG(0)),
        optimizer=adam(rates.cosine(1e-2, steps, warmup=20), beta2=0.99),
        average=ema(0.99),
        rng=RNG(1),
    )
    list(train(objective, lambda rng: law.sample(128, rng=rng), state, steps=steps, clip=1.0))
    learned = as_denoiser(net, state.best, V)
    levels = [Cosine()(t) for t in (0.1, 0.3, 0.5, 0.7, 0.9)]
    excess, floor = 0.0, 0.0
    for t in levels:
        x = law.at(t).sample(2000, rng=RNG(2))
        said, right = (V.encode(*denoise(x, t), t) for denoise in (learned, law.denoise))
        excess += np.mean((said - right) ** 2) / len(levels)
        floor += DenoisingLoss(V).floor(law, t) / len(levels)
    print(excess / floor, floor)
    assert excess < 0.02 * floor
