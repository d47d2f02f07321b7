"""Information through a noisy level, against sums over everything that can happen."""

import numpy as np
import pytest

from refdiff.core import Replay
from refdiff.likelihood import decoders
from refdiff.likelihood.through_noise import noised
from refdiff.oracles import Mixture
from refdiff.schedules import Cosine, Level

VALUES = np.arange(5) / 2 - 1
BUMPS = Mixture([0.3, 0.7], [[-0.6], [0.5]], [0.1, 0.05])


@pytest.mark.equation("through_noise.noised")
@pytest.mark.parametrize("ratio", [0.1, 0.3, 1.0])
def test_coding_through_a_level_costs_the_information_and_a_divergence_on_top(ratio):
    t, x0 = Cosine().at(np.arctan(ratio)), VALUES[:, None]
    law = BUMPS.at(t)
    # P(v), summed over a fine grid of states; the bound, in the mean over the grid of noise that the bound draws
    x = np.linspace(-6, 6, 24001)[:, None]
    each = np.stack([decoders.categorical_log_prob(np.full_like(x, v), x, t, VALUES) for v in VALUES])
    joint = np.exp(law.log_prob(x) + each) * 5e-4
    prob = joint.sum(axis=1)
    np.testing.assert_allclose(prob.sum(), 1, rtol=1e-9)
    q = np.exp(-((x[:, 0] - t.alpha * x0) ** 2) / (2 * t.sigma**2)) / (t.sigma * np.sqrt(2 * np.pi)) * 5e-4
    held = q > 1e-300
    kl = np.sum(np.where(held, q * np.log(np.where(held, q * prob[:, None] / np.maximum(joint, 1e-320), 1)), 0), axis=1)
    z, weight = np.polynomial.hermite_e.hermegauss(120)
    got = sum(
        w * noised(law.log_prob, x0, t, VALUES, rng=Replay([np.full_like(x0, a)])).total
        for a, w in zip(z, weight / weight.sum(), strict=True)
    )
    np.testing.assert_allclose(got, kl - np.log(prob), atol=1e-5)  # the rule's own error at steps that can be read
    assert np.all(got > -np.log(prob))


def test_a_level_without_noise_and_a_density_of_another_shape_are_refused():
    x0, rng = VALUES[:, None], np.random.default_rng(0)
    with pytest.raises(ValueError, match="t must be a level with noise"):
        noised(BUMPS.log_prob, x0, Level(0.0, 1.0, 0.0), VALUES, rng=rng)
    with pytest.raises(ValueError, match=r"log_prob must return \(5,\)"):
        noised(lambda x: -(x**2), x0, Cosine()(0.3), VALUES, rng=rng)
