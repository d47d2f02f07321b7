"""What the sliders show: each frame is what the package computes at the level or step that its caption names."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
sys.path[:0] = [str(FIGURES)]

pytest.importorskip("matplotlib")
import _galaxy  # noqa: E402
import _training  # noqa: E402
import score_field  # noqa: E402
import training_field  # noqa: E402

STEPS = (0, 5, 25)
HALF = 0.501 / 127  # what rounding to a 127th may cost


@pytest.fixture(scope="module")
def trained():
    return _training.run(STEPS).denoisers


@pytest.fixture(scope="module")
def all_frames(trained):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_field, "floor", lambda i: 0.25)  # the exact one takes seconds and is proven elsewhere
        training = training_field.frames(trained)
    return {"galaxy": _galaxy.frames(), "score": score_field.frames(), "training": training}


def layer(frames, k, way, which=0):
    """The numbers of one layer in frame k, in units of its limit, as pairs or pixels; and the layer."""
    row = np.r_[frames.fixed, frames.moving[k]] / 127
    found = [each for each in frames.about["layers"] if each["draw"] == way][which]
    size = {"dots": lambda: 2 * len(found["which"])}.get(way, lambda: found["side"] ** 2 * (1 + (way == "arrows")))()
    part = row[found["at"] : found["at"] + size]
    return (part if way == "heat" else part.reshape(-1, 2)), found


def told(frames, k):
    """The numbers in a caption, read aloud."""
    which, *values = frames.about["stops"][k]
    words = frames.about["captions"][which][1].format(*values)
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\.?\d*", words)]


@pytest.mark.parametrize("name", ["galaxy", "score", "training"])
def test_a_file_is_small_and_each_of_its_numbers_belongs_to_one_layer(all_frames, name):
    about, fixed, moving = frames = all_frames[name]
    many = len(_training.MOVIE) if name == "training" else len(moving)
    assert fixed.dtype == moving.dtype == np.int8
    assert len(fixed) + many * moving.shape[1] < 40_000
    assert len(moving) == (len(about["stops"]) - 1) * about["step"] + 1
    owners = np.zeros(len(fixed) + moving.shape[1], int)
    ways = [each["draw"] for each in about["layers"]]
    for k, way in enumerate(ways):
        numbers, found = layer(frames, 0, way, ways[:k].count(way))
        owners[found["at"] : found["at"] + numbers.size] += 1
    assert np.all(owners == 1)


@pytest.mark.parametrize("name", ["galaxy", "score", "training"])
def test_each_stop_fills_its_caption_seen_and_heard(all_frames, name):
    about = all_frames[name].about
    for which, *values in about["stops"]:
        for text in about["captions"][which]:
            assert {int(k) for k in re.findall(r"\{(\d)\}", text)} <= set(range(len(values)))
            assert not re.search(r"[{}]|nan|inf", text.format(*values))
    assert all(0 <= k <= len(all_frames[name].moving) - 1 for _, *ends in about["keys"] for k in ends)


def law_by_hand(x, sigma):
    """The density, up to a factor, and the score of three round clusters with noise, without the package."""
    means, var = np.array([[-1.3, -0.7], [1.2, -0.9], [0.1, 1.3]]), 0.04 + sigma**2
    logs = np.log([0.4, 0.35, 0.25]) - np.sum((x[:, None] - means) ** 2, -1) / (2 * var)
    top = logs.max(1, keepdims=True)
    each = np.exp(logs - top)
    return np.exp(top[:, 0]) * each.sum(1), (each / each.sum(1, keepdims=True)) @ means / var - x / var


def test_the_arrows_are_the_score_at_the_noise_the_caption_names(all_frames):
    frames, axis = all_frames["score"], np.linspace(-2.6, 2.6, 11)
    at = np.array([(x, y) for y in axis for x in axis])
    for k in range(len(frames.moving)):
        sigma, _, longest = told(frames, k)
        score = law_by_hand(at, sigma)[1]
        length = np.linalg.norm(score, axis=1, keepdims=True)
        assert abs(longest - length.max()) < 0.051
        assert np.abs(layer(frames, k, "arrows")[0] - score / np.sqrt(length * length.max())).max() < HALF


def test_the_shade_is_the_density_and_the_dots_are_the_clusters(all_frames):
    frames, axis = all_frames["score"], (np.arange(32) - 15.5) * 5.8 / 32
    at = np.array([(x, y) for y in axis[::-1] for x in axis])  # pixels begin at the top
    for k in range(len(frames.moving)):
        density = law_by_hand(at, told(frames, k)[0])[0]
        assert np.abs(layer(frames, k, "heat")[0] - density / density.max()).max() < HALF
        assert np.abs(layer(frames, k, "dots")[0] * 2.9 - score_field.LAW.means).max() < 2.9 * HALF


def test_hills_are_as_many_as_the_places_where_walks_uphill_end(all_frames):
    frames, seen = all_frames["score"], []
    for k in range(len(frames.moving)):
        sigma, hills, _ = told(frames, k)
        x = score_field.LAW.means
        for _ in range(150):
            x = x + (0.04 + sigma**2) * law_by_hand(x, sigma)[1]
        assert len(np.unique(x.round(1), axis=0)) == hills, sigma
        seen.append(hills)
    assert seen == sorted(seen, reverse=True)
    assert {*seen} == {1, 2, 3}


def test_on_the_way_out_dots_are_data_and_noise_in_the_shares_of_the_caption(all_frames):
    frames = all_frames["galaxy"]
    turn, stride = frames.about["keys"][0][2], round(1 / frames.about["step"])
    dots = np.stack([layer(frames, k, "dots")[0] for k in range(turn + 1)])
    inside = np.abs(dots).max((0, 2)) < 1  # beyond the edge a dot is drawn at the edge
    data, noise = dots[0, inside], dots[turn, inside]
    for k in range(turn + 1):
        signal, share = told(frames, k * stride)
        assert np.abs(dots[k, inside] - signal * data - share * noise).max() < 3 * HALF + 2 * 0.005


def test_learned_arrows_are_the_networks_and_the_exact_ones_the_laws(all_frames, trained):
    frames, axis = all_frames["training"], np.linspace(-2.1, 2.1, 11)
    at = np.array([(x, y) for y in axis for x in axis])
    law, level = _training.LAW, _training.CHAIN(80)
    exact = level.sigma * law.at(level).score(at)  # minus the noise expected
    unit = layer(frames, 0, "arrows")[1]["longest"] * training_field.UNIT * training_field.LIMIT
    for k, step in enumerate(STEPS):
        assert told(frames, k)[0] == step
        said = -trained[step](at, level).eps
        assert np.abs(layer(frames, k, "arrows", 0)[0] * unit - exact).max() < HALF * unit
        assert np.abs(layer(frames, k, "arrows", 1)[0] * unit - said).max() < HALF * unit
    assert not layer(frames, 0, "arrows", 1)[0].any()  # a fresh network says 0


def test_a_caption_splits_the_loss_into_floor_and_what_is_left(all_frames, trained):
    frames = all_frames["training"]
    lines = [told(frames, k) for k in range(len(STEPS))]
    for step, loss, floor, left in lines:
        assert abs(loss - floor - left) < 1.6e-4  # three numbers rounded to four digits
        rng, off = np.random.default_rng(100), []
        for i in _training.FEW:
            t = _training.CHAIN(i)
            x = _training.LAW.at(t).sample(300, rng=rng)
            off.append(np.mean((trained[int(step)](x, t).eps - _training.LAW.denoise(x, t).eps) ** 2))
        assert left == pytest.approx(np.mean(off), rel=0.1)  # other states: 10,200 of them scatter by 1 to 2 %
    assert lines[0][1] == 1
    assert lines[0][3] > 2 * lines[1][3] > 4 * lines[2][3]
