import numpy as np
import pytest

from refdiff.losses import DenoisingLoss, min_snr, unit, weightings
from refdiff.process import EPS, X0, V, edm
from refdiff.schedules import EDM, VP, Chain
from refdiff.verify import identify_loss

LEVELS = [VP()(time) for time in (0.02, 0.1, 0.2, 0.3, 0.5, 0.9)]


def weighed(kind, weight):
    """A loss as somebody would write it: a factor of SNR before the squared error of the raw output."""

    def loss(raw, x0, eps, t):
        return weight((t.alpha / t.sigma) ** 2) * np.mean((raw - kind.encode(x0, eps, t)) ** 2)

    return loss


RIGHT = [
    (EPS, lambda r: 1, "SNR, plain eps"),
    (V, lambda r: 1, "SNR + 1, plain v"),
    (X0, lambda r: 1, "1, plain x0"),
    (EPS, lambda r: min(r, 5) / r, "min(SNR, 5)"),
    (V, lambda r: min(r, 5) / (r + 1), "min(SNR, 5)"),
    (X0, lambda r: min(r, 5), "min(SNR, 5)"),
    (X0, lambda r: max(r, 1), "max(SNR, 1)"),
    (EPS, lambda r: 1 / (1 + r), "P2 with gamma = k = 1"),
    (V, lambda r: 5 * r / (r + 5) / (r + 1), "soft-min-SNR of 5"),
    (V, lambda r: 3 / (r + 1), "1, plain x0, times 3"),
    (X0, lambda r: r + 4, "EDM's lambda for data of deviation 0.5"),
]
WRONG = [
    (V, lambda r: min(r, 5) / r, "min(SNR, 5): divided by SNR where v needs SNR + 1"),
    (V, lambda r: min(r + 1, 5) / (r + 1), "min(SNR, 5): 1 added to SNR before the minimum"),
    (V, lambda r: min(r, 5) / r + 1, "min(SNR, 5): 1 added after the division: parentheses"),
    (V, lambda r: max(r, 5) / (r + 1), "min(SNR, 5): a maximum for the minimum"),
    (V, lambda r: min(r, 5), "min(SNR, 5): not divided, where v needs SNR + 1"),
    (EPS, lambda r: min(r, 5) / (r + 1), "min(SNR, 5): divided by SNR + 1 where eps needs SNR"),
    (EPS, lambda r: min(r, 5), "min(SNR, 5): not divided, where eps needs SNR"),
    (EPS, lambda r: max(r, 5) / r, "min(SNR, 5): a maximum for the minimum"),
    (EPS, lambda r: r / min(r, 5), "min(SNR, 5): turned upside down"),
    (X0, lambda r: min(r, 5) / r, "min(SNR, 5): divided by SNR where x0 needs 1"),
    (EPS, lambda r: min(r**0.5, 5) / r**0.5, "min(SNR, 5): alpha/sigma taken for SNR"),
    (X0, lambda r: min(r**0.5, 5), "min(SNR, 5): alpha/sigma taken for SNR"),
    (X0, lambda r: 2 * max(r, 5), "min(SNR, 5): a maximum for the minimum, times 2"),
]


@pytest.mark.equation("loss_identification.identify_loss")
@pytest.mark.parametrize(("kind", "weight", "name"), RIGHT, ids=[f"{k.name}: {n}" for k, _, n in RIGHT])
def test_a_loss_in_use_is_named(kind, weight, name):
    found = identify_loss(weighed(kind, weight), kind, LEVELS)
    assert found.known
    assert found.slip == ""
    assert str(found) == name


@pytest.mark.equation("loss_identification.identify_loss")
@pytest.mark.parametrize(("kind", "weight", "name"), WRONG, ids=[f"{k.name}: {n}" for k, _, n in WRONG])
def test_a_loss_with_a_slip_is_named_with_the_slip(kind, weight, name):
    found = identify_loss(weighed(kind, weight), kind, LEVELS)
    assert found.known
    assert found.slip
    assert repr(found) == name


@pytest.mark.equation("loss_identification.identify_loss")
def test_a_weight_that_nobody_uses_is_unknown_and_has_a_nearest():
    found = identify_loss(weighed(EPS, lambda r: 1 + 0.02 * np.sin(r)), EPS, LEVELS)
    assert not found.known
    assert str(found).startswith("unknown; nearest is SNR, plain eps, off by up to ")


@pytest.mark.equation("loss_identification.identify_loss")
def test_the_librarys_own_losses_are_recognised_on_other_paths_and_in_sums():
    levels = [EDM()(sigma) for sigma in (0.1, 0.4, 1.0, 5.0)]
    for weight, name in ((min_snr(4.0), "min(SNR, 4)"), (weightings.soft_min_snr(4.0), "soft-min-SNR of 4")):
        loss = DenoisingLoss(edm(0.5), weight, "x0")
        assert str(identify_loss(lambda *a, f=loss: f(*a)[0], edm(0.5), levels, most=4.0)) == name
    plain = DenoisingLoss(V, unit)
    found = identify_loss(lambda *a: plain(*a)[0] * a[0].shape[1], V, LEVELS, reduction="sum")
    assert str(found) == "SNR + 1, plain v"


def test_identifying_refuses_too_few_or_too_similar_levels():
    loss = weighed(EPS, lambda r: 1)
    with pytest.raises(ValueError, match=r"levels must be at least 4; got 2"):
        identify_loss(loss, EPS, LEVELS[:2])
    with pytest.raises(ValueError, match=r"levels must have SNRs above and below 5"):
        identify_loss(loss, EPS, [Chain.linear()(i) for i in (500, 600, 700, 800)])


def training_loss(mix=lambda t: (t.alpha, t.sigma), target=lambda x0, eps, t: eps):
    """As it stands in a training script: noise is added, the network asked, its error squared."""

    def loss(model, x0, eps, t):
        on_x0, on_eps = mix(t)
        output = model(on_x0 * x0 + on_eps * eps, np.full(len(x0), t.time), context=None)
        return np.mean((output - target(x0, eps, t)) ** 2)

    return loss


@pytest.mark.equation("loss_identification.identify_loss")
@pytest.mark.parametrize(
    ("mix", "says"),
    [
        (lambda t: (t.alpha, t.sigma**2), "these are (alpha, sigma^2): a square root is missing"),
        (lambda t: (t.alpha**2, t.sigma), "these are (alpha^2, sigma): a square root is missing"),
        (lambda t: (t.sigma, t.alpha), "the two are exchanged"),
        (lambda t: (t.alpha, -t.sigma), "the noise is subtracted"),
        (lambda t: (1.0, 0.0), "x0 without noise"),
        (lambda t: (0.9 * t.alpha, t.sigma), "the network is shown"),
        (lambda t: (-t.alpha, -t.sigma), "the network is shown -"),
    ],
    ids=["root of sigma", "root of alpha", "exchanged", "subtracted", "clean", "a tenth off", "negative"],
)
def test_what_the_network_is_shown_is_checked(mix, says):
    found = identify_loss(training_loss(mix), "eps", LEVELS)
    assert says in str(found)
    assert found.name == "SNR, plain eps"


@pytest.mark.equation("loss_identification.identify_loss")
def test_a_right_loss_with_its_model_inside_is_named_also_where_its_input_is_scaled():
    assert str(identify_loss(training_loss(), "epsilon", LEVELS)) == "SNR, plain eps"
    scaled = identify_loss(training_loss(lambda t: (2 * t.alpha, 2 * t.sigma)), "eps", LEVELS)
    assert scaled.shown == ""


@pytest.mark.equation("loss_identification.identify_loss")
@pytest.mark.parametrize(
    ("target", "kind", "says"),
    [
        (lambda x0, eps, t: x0 - eps, "velocity", "whose target is -velocity, which is x0 - eps: hand it -output"),
        (lambda x0, eps, t: x0, "eps", "whose target is x0"),
        (lambda x0, eps, t: eps[::-1], "eps", "whose target is eps with the noise of other samples"),
        (lambda x0, eps, t: t.sigma * x0 - t.alpha * eps, "v", "whose target is -v"),
    ],
    ids=["velocity", "x0", "permuted", "v"],
)
def test_another_target_is_named(target, kind, says):
    with pytest.raises(ValueError, match=says):
        identify_loss(training_loss(target=target), kind, LEVELS)


@pytest.mark.equation("loss_identification.identify_loss")
@pytest.mark.parametrize(
    ("weight", "slip"),
    [
        (lambda s: (s**2 + 0.25) / (s + 0.5) ** 2, "a sum for the product below"),
        (lambda s: (s**2 + 0.25) / (s * 0.5), "the product below is not squared"),
        (lambda s: (s * 0.5) ** 2 / (s**2 + 0.25), "turned upside down"),
    ],
    ids=["sum", "square", "upside down"],
)
def test_slips_with_karras_weight_are_named(weight, slip):
    levels = [EDM()(sigma) for sigma in (0.05, 0.2, 0.5, 1, 3, 20)]
    found = identify_loss(lambda net, y, n, t: weight(t.sigma) * np.mean((net(y + n * t.sigma) - y) ** 2), "x0", levels)
    assert str(found) == f"EDM's lambda for data of deviation 0.5: {slip}"


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(ValueError, match=r"kind must be a known name; got 'noise'"):
        identify_loss(training_loss(), "noise", LEVELS)


def test_timesteps_in_place_of_levels_are_told_what_to_do():
    with pytest.raises(ValueError, match=r"levels must be levels; got \['int'\]. For timesteps of a chain: \[Chain"):
        identify_loss(training_loss(), "eps", [10, 100, 300, 500, 900])
