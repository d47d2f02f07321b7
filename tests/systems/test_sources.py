import numpy as np
import pytest

from refdiff.models import MLP, DiT, UNet
from refdiff.systems.recipes import RECIPES
from refdiff.systems.sources import as_input, check_fit, source

RNG = np.random.default_rng


def saved(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def test_digits_come_with_ten_classes_and_only_from_the_training_part():
    found = source("digits")
    x, labels = found.draw(20, RNG(0))
    assert str(found) == "digits: 1,501 images of 8 x 8 in 10 classes"
    assert (x.shape, x.dtype, found.classes) == ((20, 8, 8), np.float32, tuple("0123456789"))
    where = [np.flatnonzero((found.examples == image).all(axis=(1, 2)))[0] for image in x]
    assert len(set(where)) > 15
    assert labels.shape == (20,)


def test_a_toy_is_drawn_fresh_from_the_runs_generator():
    found = source("two_moons")
    a, b, none = found.draw(5, RNG(0))[0], found.draw(5, RNG(0))[0], found.draw(5, RNG(1))[1]
    np.testing.assert_array_equal(a, b)
    assert none is None
    assert not found.limited


def test_images_of_ones_own_are_scaled_if_they_are_bytes(tmp_path):
    images = RNG(0).integers(0, 256, (12, 6, 4, 3), dtype=np.uint8)
    found = source(saved(tmp_path / "mine.npz", data=images, labels=np.arange(12) % 3))
    assert found.shape == (6, 4, 3)
    assert "12 images of 6 x 4 in colour in 3 classes" in str(found)
    np.testing.assert_allclose(found.examples, images / 127.5 - 1, atol=1e-7)
    points = source(saved(tmp_path / "points.npz", data=RNG(0).standard_normal((9, 5))))
    assert (points.shape, points.classes) == ((5,), ())


def test_a_folder_of_pictures_is_data(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for k in range(2):
            image.fromarray(np.full((8, 8), 40 * k, np.uint8)).save(tmp_path / name / f"{k}.png")
    found = source(str(tmp_path))
    assert (found.shape, found.classes) == ((8, 8), ("cat", "dog"))
    assert source(str(tmp_path), 4).shape == (4, 4)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"data": np.full((4, 2), np.nan)}, r"mine\.npz: data must be finite; got 8 of 8 entries"),
        ({"data": np.zeros((4, 2, 2, 2))}, r"data must be \(N, D\), \(N, H, W\) or \(N, H, W, 3\); got \(4, 2, 2, 2\)"),
        ({"data": np.zeros((1, 2))}, r"data must be \(N, D\)"),
        ({"x": np.zeros((4, 2))}, r"must hold an array named data; got \['x'\]"),
        ({"data": np.zeros((4, 2)), "labels": np.zeros(3, int)}, r"labels must be 4 whole numbers"),
        (
            {"data": np.zeros((4, 2)), "labels": np.zeros(4)},
            r"4 whole numbers like the data; got float64",
        ),
        ({"data": np.zeros((4, 2)), "labels": np.array([0, 1, -1, 0])}, r"labels must count from 0; got -1 to 1"),
        ({"data": np.zeros((4, 2)), "labels": np.array([0, 1, 10**6, 0])}, r"count from 0; got 0 to 1000000"),
    ],
)
def test_what_is_wrong_with_data_is_said_by_name(arrays, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        source(saved(tmp_path / "mine.npz", **arrays))


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must be a file that exists"):
        source(str(tmp_path / "no.npz"))
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(ValueError, match="file without pickle"):
        source(str(tmp_path / "text.npz"))
    np.savez(tmp_path / "objects.npz", data=np.array([None, 1], dtype=object))
    with pytest.raises(ValueError, match="without pickle"):
        source(str(tmp_path / "objects.npz"))
    with pytest.raises(ValueError, match="Did you mean digits"):
        source("digit")


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (
            UNet(1, (8, 8, 8, 8, 8), labels=10),
            r"digits does not fit .*: x must have sides that are multiples of 16",
        ),
        (UNet(3, (8,), labels=10), r"x must be \(B, H, W, 3\)"),
        (DiT(16, 8, labels=10, dim=16), r"x must be \(B, 16, 8, 1\)"),
        (MLP(65, labels=10), r"x must be \(B, 65\)"),
        (UNet(1, (8,), labels=5), r"network.labels must be at least 10, the classes of digits; got 5"),
    ],
)
def test_a_network_that_cannot_take_the_data_is_refused_before_any_work(network, says):
    with pytest.raises(ValueError, match=says):
        check_fit(network, source("digits"))


@pytest.mark.parametrize("name", ["digits", "fashion", "moons", "smile"])
def test_the_presets_fit_their_data(name):
    check_fit(RECIPES[name].network, source(RECIPES[name].data))


def test_labels_for_data_without_classes_are_refused():
    with pytest.raises(ValueError, match="two_moons has no classes"):
        check_fit(MLP(2, labels=2), source("two_moons"))


def test_samples_are_shaped_for_the_network():
    x = np.zeros((3, 8, 8))
    assert as_input(MLP(64), x).shape == (3, 64)
    assert as_input(UNet(1, (8,)), x).shape == (3, 8, 8, 1)
    assert as_input(UNet(3, (8,)), np.zeros((3, 8, 8, 3))).shape == (3, 8, 8, 3)
