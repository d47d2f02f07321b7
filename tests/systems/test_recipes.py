import json

import numpy as np
import pytest

from refdiff.data import TOYS
from refdiff.models import MLP, DiT, UNet
from refdiff.process import V, velocity
from refdiff.schedules import Flow
from refdiff.systems.recipes import LAWS_OF_LEVELS, PATHS, RECIPES, TARGETS, Recipe, changed, of_plain, read_toml

R = Recipe("digits", UNet(1, (8, 16), labels=10), steps=100)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json(name):
    assert of_plain(json.loads(json.dumps(RECIPES[name].plain()))) == RECIPES[name]


def test_every_toy_has_a_recipe_and_moons_are_two():
    assert set(TOYS) | {"digits", "fashion", "moons"} <= set(RECIPES)
    assert RECIPES["moons"] == RECIPES["two_moons"]


def test_a_file_changes_some_fields_and_keeps_the_rest(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("steps = 5e2\nrate = 1\nflip = true\n[network]\nwidths = [8, 8, 16]\n")
    new = changed(R, read_toml(path), str(path))
    assert (new.steps, new.rate, new.flip, new.network.widths) == (500, 1.0, True, (8, 8, 16))
    assert isinstance(new.steps, int)
    assert (new.data, new.batch, new.network.labels) == (R.data, R.batch, 10)


def test_another_kind_of_network_keeps_channels_and_labels():
    new = changed(R, {"network": {"kind": "DiT", "height": 8, "width": 8, "dim": 16}})
    assert new.network == DiT(8, 8, dim=16, labels=10)
    assert changed(R, {"network": {"kind": "MLP", "n_in": 64, "drop": 0.0}}).network == MLP(64, labels=10, drop=0.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stepz": 1}, r"x\.toml: field must be a known name; got 'stepz'\. Did you mean steps"),
        ({"network": {"widht": 1}}, r"x\.toml: network: field must be .* Did you mean widths"),
        ({"network": {"kind": "Unet"}}, r"network\.kind must be a known name; got 'Unet'\. Did you mean UNet"),
        ({"network": {"kind": "DiT"}}, r"network must say height"),
        ({"network": 3}, r"x\.toml must hold a table \[network\]"),
        ({"network": {"widths": [8, 12]}}, r"x\.toml: network: groups must divide the width 12"),
        ({"network": {"widths": ["a"]}}, r"x\.toml: network: widths must be a whole number; got 'a'"),
        ({"steps": "many"}, r"x\.toml: steps must be a whole number; got 'many'"),
        ({"steps": 0}, r"x\.toml: steps must be a whole number of at least 1"),
        ({"steps": float("inf")}, r"steps must be a whole number; got inf"),
        ({"batch": True}, r"batch must be a whole number; got True"),
        ({"rate": "1e-3"}, r"rate must be a number"),
        ({"rate": float("nan")}, r"rate must be finite"),
        ({"flip": 1}, r"flip must be true or false"),
        ({"accumulate": 3}, r"accumulate must divide the batch of 256"),
        ({"threads": 3}, r"threads must divide the batch of 256; got 3 threads for 3 parts"),
        ({"clip": -1.0}, r"clip must be at least 0"),
        ({"target": "epsilon"}, r"target must be a known name"),
        ({"path": "cosin"}, r"Did you mean cosine"),
        ({"levels": "lognormal"}, r"Did you mean log-normal"),
        ({"path": "edm"}, r"levels must be log-normal or angle on the path edm"),
        ({"ema": 2}, r"decay must lie in \[0, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_with_the_file(changes, says):
    with pytest.raises(ValueError, match=says):
        changed(R, changes, "x.toml")


def test_what_has_no_default_must_be_said():
    with pytest.raises(ValueError, match="recipe must say data"):
        of_plain({"network": R.plain()["network"]})
    with pytest.raises(ValueError, match="recipe must say the network's kind"):
        of_plain({"data": "digits"})


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path):
    with pytest.raises(ValueError, match="config must be a file to read"):
        read_toml(tmp_path / "no.toml")
    (tmp_path / "x.toml").write_text("steps: 3")
    with pytest.raises(ValueError, match="config must be TOML"):
        read_toml(tmp_path / "x.toml")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_learned_on_every_path_at_levels_of_some_law(target, path):
    levels = "log-normal" if path == "edm" else LAWS_OF_LEVELS[TARGETS.index(target) % len(LAWS_OF_LEVELS)]
    net = MLP(2, width=8, depth=1, waves=4)
    recipe = Recipe("two_moons", net, target=target, path=path, levels=levels)
    objective = recipe.loss.objective(net, recipe.draw)
    loss, grads = objective(net.init(np.random.default_rng(0)), np.random.default_rng(1), np.ones((8, 2)))
    assert np.isfinite(loss)
    assert all(np.isfinite(part["w"]).all() for part in grads.values() if "w" in part)


def test_the_words_of_a_recipe_mean_what_the_library_calls_so():
    assert Recipe("digits", R.network).parameterization is V
    flow = Recipe("digits", R.network, target="velocity", path="flow")
    t = Flow()(0.3)
    assert flow.parameterization.row(t) == velocity(Flow()).row(t)
    assert flow.loss.raw_weight(t) == 1.0
    assert Recipe("digits", R.network, steps=40, warmup=100).optimizer.rate(4) == 2e-3  # a tenth of the run
