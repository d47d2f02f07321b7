import json

import numpy as np
import pytest

from refdiff.core import trees
from refdiff.models import MLP, UNet
from refdiff.nn import adam
from refdiff.oracles import Mixture
from refdiff.schedules import Cosine
from refdiff.systems import trained as module
from refdiff.systems.recipes import Recipe
from refdiff.systems.sources import source
from refdiff.systems.trained import Trained, about, load_trained
from refdiff.training import begin, save
from refdiff.verify.zoo import CASES

RNG = np.random.default_rng
NET = MLP(2, width=8, depth=1, waves=4, labels=2)
RECIPE = Recipe("two_moons", NET, guidance=2.0, sample_steps=4)


def random(network, seed=0):
    """Parameters with no zeros, so that labels and levels matter."""
    return trees.transform(lambda p: p + 0.1 * RNG(seed).standard_normal(p.shape, np.float32), network.init(RNG(seed)))


PARAMS = random(NET)
TINY = Trained(RECIPE, PARAMS, 7, (2,), ("left", "right"))


def write(path, told=None):
    state = begin(PARAMS, optimizer=adam(0.1), rng=RNG(0), about=told or about(RECIPE, source("two_moons"), 0))
    state.step = 7
    save(path, state)
    return path


def test_a_checkpoint_says_what_it_is(tmp_path):
    for path in (write(tmp_path / "weights.npz"), tmp_path):  # a file, and the folder of a run
        loaded = load_trained(path)
        assert loaded.recipe == RECIPE
        assert (loaded.step, loaded.shape) == (7, (2,))
        np.testing.assert_array_equal(trees.ravel(loaded.params), trees.ravel(PARAMS))
        assert trees.ravel(loaded.params).dtype == np.float32


def test_guidance_is_the_way_from_the_unconditional_belief_and_beyond():
    x, t, labels = RNG(1).standard_normal((3, 2)), Cosine()(0.5), np.array([0, 1, 1])
    none, plain, guided = (TINY.denoiser(*how)(x, t) for how in ((None,), (labels,), (labels, 3.0)))
    assert np.abs(plain.x0 - none.x0).max() > 1e-3
    np.testing.assert_allclose(guided.x0, none.x0 + 3 * (plain.x0 - none.x0), rtol=1e-12)
    np.testing.assert_allclose(t.alpha * guided.x0 + t.sigma * guided.eps, x, rtol=1e-12)


def test_every_sampler_draws_from_it():
    for case in (case for case in CASES if case.name != "dop853"):  # loads SciPy: a second of CPU
        x = TINY.sample(labels=np.array([0, 1]), sampler=case.name, steps=6, rng=RNG(0))
        assert x.shape == (2, 2)
        assert np.isfinite(x).all(), case.name


def test_the_grid_leads_from_noise_to_the_law_of_the_data():
    law = Mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], 0.05)

    class Exact(Trained):
        def denoiser(self, labels=None, guidance=1.0):
            return law.denoise

    x = Exact(RECIPE, PARAMS, 0, (2,)).sample(4000, rng=RNG(0), steps=18, sampler="heun")
    truth = law.sample(4000, rng=RNG(1))
    np.testing.assert_allclose(x.mean(axis=0), truth.mean(axis=0), atol=4 * np.sqrt(2 / 4000) * 1.1)
    np.testing.assert_allclose(np.cov(x.T), np.cov(truth.T), atol=0.08)  # 4 deviations of a variance near 1


def test_images_come_back_as_they_were_learned():
    for network in (UNet(1, (8,), labels=3, waves=4), MLP(64, width=8, depth=1, waves=4, labels=3)):
        one = Trained(Recipe("digits", network, sample_steps=3), random(network), 0, (8, 8), tuple("012"))
        assert one.sample(labels=np.arange(3), rng=RNG(0)).shape == (3, 8, 8)
        assert one.sample(2, rng=RNG(0)).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"labels": np.array([0, 5])}, r"labels must lie in 0 \.\.\. 1; got \[0 5\]"),
        ({"labels": np.array([0.0])}, r"labels must lie in 0 \.\.\. 1"),
        ({"n": 3, "labels": np.array([0])}, "n must be given if no labels are"),
        ({}, "n must be given if no labels are"),
        ({"n": 3, "guidance": 2.0}, "guidance must be 1 without labels"),
        ({"n": 0}, "n must be a whole number of at least 1"),
        ({"n": 3, "steps": 1}, "steps must be a whole number of at least 2"),
        ({"n": 3, "sampler": "hein"}, "Did you mean heun"),
    ],
)
def test_what_cannot_be_drawn_is_refused(how, says):
    with pytest.raises(ValueError, match=says):
        TINY.sample(**how, rng=RNG(0))


def test_what_is_no_checkpoint_of_a_recipe_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint must be one that exists; got 'nowhere'"):
        load_trained("nowhere")
    with pytest.raises(ValueError, match=r"must hold weights\.npz; got a folder without"):
        load_trained(tmp_path)
    with pytest.raises(ValueError, match=r"must come from refdiff train; got a checkpoint of MLP"):
        load_trained(write(tmp_path / "a.npz", repr(NET)))
    other = json.loads(about(RECIPE, source("two_moons"), 0))
    other["recipe"]["network"]["width"] = 16
    with pytest.raises(ValueError, match=r"must hold the weights of its MLP\(n_in=2, width=16"):
        load_trained(write(tmp_path / "b.npz", json.dumps(other)))
    whole = write(tmp_path / "c.npz").read_bytes()
    (tmp_path / "c.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut short or damaged"):
        load_trained(tmp_path / "c.npz")


def test_a_run_that_is_not_finished_can_be_drawn_from(tmp_path):
    write(tmp_path / module.UNFINISHED)
    assert load_trained(tmp_path).step == 7
