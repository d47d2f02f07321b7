"""Every common weighting, said in one language: as a weight on the squared error of x0.

A weighting has a name and a formula in its paper, and the formula changes with what the network predicts, with the
draw of the levels, and with whether the loss is a mean or a sum. Here each is a function of the level alone, to be put
on x0: `DenoisingLoss(kind, weight, on="x0")` is then the same loss of a belief whatever the network predicts, and its
`raw_weight` is the factor that an implementation writes before the squared error of its raw output.
"""

from collections.abc import Callable

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import positive, require, scalar
from refdiff.losses.denoising import DenoisingLoss, Weight, snr
from refdiff.losses.draws import log_normal_density
from refdiff.process import predict
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import Schedule, SmoothSchedule

Density = Callable[[Level], Array]
"""A level to the density of log-SNRs there, per nat, under the law of the levels that are drawn."""


def snr_plus_one(t: Level) -> Array:
    """1 + alpha^2/sigma^2: on x0, the same as the plain loss on v on a variance-preserving path.

    References
    ----------
    Equation: weightings.snr_plus_one
    salimans2022 (arXiv 2202.00512v2), section 4
    """
    return 1 + snr(t)


def truncated_snr(t: Level) -> Array:
    """max(SNR, 1): the larger of the losses on x0 and on eps.

    A maximum, where min-SNR has a minimum: it lifts the noisy end, min-SNR lowers the clean one.

    References
    ----------
    Equation: weightings.truncated_snr
    salimans2022 (arXiv 2202.00512v2), section 4
    """
    return np.maximum(snr(t), 1.0)


def karras(data_std: float = 0.5) -> Weight:
    """EDM's lambda, (sigma^2 + sd^2)/(sigma sd)^2 where alpha = 1: 1/sd^2 + SNR on any path.

    On x0 it is the plain loss on EDM's F.

    Parameters
    ----------
    data_std : float
        sd, the standard deviation of the data.

    References
    ----------
    Equation: weightings.karras
    karras2022 (arXiv 2206.00364v2), table 1
    """
    kind = predict.edm(data_std)
    return lambda t: np.asarray(kind.loss_weight(t))


def soft_min_snr(most: float = 4.0) -> Weight:
    """SNR most/(SNR + most), half the harmonic mean of the two, which min-SNR cuts off with a corner.

    With most = 1/sd^2 it is 1/(sigma^2 + sd^2) where alpha = 1. `sigmoid` is the same curve under another name. It is
    finite at both ends of the path: most at the data, 0 at noise.

    References
    ----------
    Equation: weightings.soft_min_snr
    crowson2024 (arXiv 2401.11605v1)
    """
    positive("most", most)
    return lambda t: np.asarray(t.alpha**2 / (t.alpha**2 / most + t.sigma**2))


def sigmoid(bias: float = 2.0) -> Weight:
    """SNR times 1/(1 + exp(log SNR - bias)): on eps it falls like a sigmoid of the log-SNR.

    As a weight on x0 it is exactly soft-min-SNR with most = exp(bias). What differs between the papers is the draw:
    here levels are meant to be drawn so that log-SNRs are uniform, and the weight then falls along the whole path.

    Parameters
    ----------
    bias : float
        The log-SNR, in nats, at which the weight on eps has come down to one half.

    References
    ----------
    Equation: weightings.sigmoid
    kingma2023 (arXiv 2303.00848v7)
    hoogeboom2024 (arXiv 2410.19324v2)
    """
    b = scalar("bias", bias)
    return lambda t: np.exp(-np.logaddexp(-np.asarray(t.log_snr), -b))


def p2(gamma: float = 1.0, k: float = 1.0) -> Weight:
    """SNR/(k + SNR)^gamma: the simple loss on eps, divided by (k + SNR)^gamma.

    With gamma = k = 1 it is alpha^2 on a variance-preserving path.

    References
    ----------
    Equation: weightings.p2
    choi2022 (arXiv 2204.00227v1)
    """
    scalar("gamma", gamma)
    positive("k", k)
    return lambda t: snr(t) / (k + snr(t)) ** gamma


def vlb_step(s: Level, t: Level) -> Array:
    """(SNR_s - SNR_t)/2: weight on |x0 - x0^|^2 of the bound's term L_{t-1}, for s below t.

    It is the divergence of the posterior from the model's step where both have the posterior's variance, in nats,
    summed over coordinates.

    Raises
    ------
    ValueError
        At sigma_s = 0, where the term is the decoder's and no divergence.

    References
    ----------
    Equation: weightings.vlb_step
    kingma2021 (arXiv 2107.00630v6), section 4
    """
    require(np.all(np.asarray(s.sigma) > 0), "s", "have sigma above zero", "the data",
            "The last step is the decoder's: see refdiff.likelihood.elbo.decoder_term.")  # fmt: skip
    return (snr(s) - snr(t)) / 2


def vlb(chain: Schedule) -> Weight:
    """The weight of DDPM's bound at index i of a chain: `vlb_step(chain(i - 1), chain(i))`, for i = 2 ... T.

    Summed over the indices, and over coordinates, the loss is the bound without its two ends. A loss that is a mean
    over T indices and D coordinates is T D times smaller.

    References
    ----------
    Equation: weightings.vlb
    ho2020 (arXiv 2006.11239v2), eq. 12
    """
    return lambda t: vlb_step(chain(np.asarray(t.time) - 1), t)


def vlb_rate(schedule: SmoothSchedule) -> Weight:
    """-1/2 dSNR/dt: the bound's weight in continuous time, per unit of time, summed over coordinates.

    (alpha^2 sigma sigma' - alpha alpha' sigma^2)/sigma^4

    References
    ----------
    Equation: weightings.vlb_rate
    kingma2021 (arXiv 2107.00630v6), section 5
    """

    def weight(t: Level) -> Array:
        dalpha, sigma_dsigma = schedule.rates(t.time)
        return np.asarray((t.alpha**2 * sigma_dsigma - t.alpha * dalpha * t.sigma**2) / t.sigma**4)

    return weight


def uniform_times(schedule: SmoothSchedule) -> Density:
    """|dt/d log-SNR|: the density of log-SNRs where times are uniform on an interval of length 1.

    1/(2 sigma sigma'/sigma^2 - 2 alpha'/alpha)

    References
    ----------
    Equation: weightings.uniform_times
    kingma2023 (arXiv 2303.00848v7)
    """

    def density(t: Level) -> Array:
        dalpha, sigma_dsigma = schedule.rates(t.time)
        return np.asarray(t.alpha * t.sigma**2 / (2 * (t.alpha * sigma_dsigma - dalpha * t.sigma**2)))

    return density


def normal_log_ratios(mean: float = -1.2, std: float = 1.2) -> Density:
    """The density of log-SNRs where log(sigma/alpha) is normal, as in `draws.log_normal`: N(-2 mean, 4 std^2).

    References
    ----------
    Equation: weightings.normal_log_ratios
    karras2022 (arXiv 2206.00364v2), table 1
    """
    scalar("mean", mean)
    positive("std", std)

    def density(t: Level) -> Array:
        ratio = np.asarray(t.sigma / t.alpha)  # exp(-log_snr/2)
        return ratio / 2 * log_normal_density(ratio, mean, std)

    return density


def elbo_weight(loss: DenoisingLoss, density: Density) -> Weight:
    """What a loss and a draw come to together: w in 1/2 integral of w |eps - eps^|^2 d log-SNR.

    w = 2 x0_weight/SNR density

    Neither the weight nor the draw has a meaning alone, only this product has. Constant w is the bound on the
    likelihood. Where w never rises with the log-SNR, the loss is the bound of data with noise added.

    Parameters
    ----------
    loss : DenoisingLoss
        Its parameterization, and its weight on either side.
    density : callable
        From `uniform_times` or `normal_log_ratios`, or one of your own.

    References
    ----------
    Equation: weightings.elbo_weight
    kingma2023 (arXiv 2303.00848v7)
    """
    return lambda t: 2 * loss.x0_weight(t) / snr(t) * density(t)
