import numpy as np
import pytest

from refdiff.core import jacobian
from refdiff.core.noise import Replay
from refdiff.inverse import Measurement, dps, of_oracle
from refdiff.oracles import Mixture, Normal
from refdiff.samplers import ddpm
from refdiff.schedules import Chain, Cosine, grids
from refdiff.verify import probe

LAW = Mixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [0.3, 0.1])
SEEN, Y = Measurement(np.array([[1.0, -0.5]]), 0.3), np.array([0.7])
X = np.array([[0.3, -0.7], [2.0, 1.5]])


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.equation("dps.dps")
def test_a_step_is_algorithm_1(power):
    """The ancestral step, minus zeta times the derivative of the misfit's norm (or its square) at x_t."""
    t, s = grids.trailing(Chain.linear(), 10)[4:6]
    z = np.random.default_rng(0).standard_normal((1, *X.shape))
    got = dps(of_oracle(LAW), X, [t, s], measure=SEEN, y=Y, zeta=0.4, power=power, rng=Replay(z))

    def misfit(x):
        off = Y - LAW.denoise(x, t).x0 @ SEEN.matrix.T
        return np.sum(off * off, axis=1, keepdims=True) ** (power / 2)

    want = ddpm(LAW.denoise, X, [t, s], rng=Replay(z)) - 0.4 * jacobian(misfit, X)[:, 0]
    np.testing.assert_allclose(got, want, rtol=1e-10)


@pytest.mark.equation("dps.dps")
def test_a_forward_model_need_not_be_linear():
    def square(x0):
        return x0**2, lambda d: 2 * x0 * d

    t, s = grids.trailing(Chain.linear(), 10)[4:6]
    z, y = np.zeros((1, *X.shape)), np.array([0.5, 0.2])
    got = dps(of_oracle(LAW), X, [t, s], measure=square, y=y, zeta=0.1, power=2, rng=Replay(z))
    want = jacobian(lambda x: np.sum((y - LAW.denoise(x, t).x0 ** 2) ** 2, axis=1, keepdims=True), X)[:, 0]
    np.testing.assert_allclose(got, ddpm(LAW.denoise, X, [t, s], rng=Replay(z)) - 0.1 * want, rtol=1e-10)


def test_where_the_misfit_is_nothing_nothing_moves():
    t, s = grids.trailing(Chain.linear(), 10)[4:6]
    denoise, z = of_oracle(LAW), np.zeros((1, *X.shape))
    y = SEEN(denoise(X, t)[0].x0)[0]
    got = dps(denoise, X, [t, s], measure=SEEN, y=y, rng=Replay(z))
    np.testing.assert_array_equal(got, ddpm(lambda x, t: denoise(x, t)[0], X, [t, s], rng=Replay(z)))


@pytest.mark.equation("dps.dps")
def test_it_returns_the_measurement_and_not_the_posterior():
    """Data N(0, 1), y = 1.2 with noise 0.5: exactly N(0.96, 0.2). With the square the run is affine, its law exact."""
    law, seen = Normal([0.0], 1.0), Measurement(np.eye(1), 0.5)
    levels = grids.angle(Cosine(), 50)

    def run(x, rng):
        return dps(of_oracle(law), x, levels, measure=seen, y=np.array([1.2]), zeta=0.3, power=2, rng=rng)

    out = probe.kernel(run, 1).law(Normal([0.0], 1.0))
    np.testing.assert_allclose(out.mean, 1.2, atol=1e-6)
    assert out.cov[0, 0] < 1e-3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rng": None}, "rng must be given"),
        ({"power": 3}, "power must be 1 or 2; got 3"),
        ({"zeta": -1.0}, "zeta must be at least 0"),
    ],
)
def test_refusals_name_the_argument(options, words):
    with pytest.raises(ValueError, match=words):
        dps(
            of_oracle(LAW),
            X,
            grids.angle(Cosine(), 3),
            **({"measure": SEEN, "y": Y, "rng": np.random.default_rng(0)} | options),
        )
