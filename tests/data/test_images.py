from importlib import resources

import numpy as np
import pytest

from refdiff.data import DIGITS_WIDTH, FASHION_CLASSES, FASHION_WIDTH, digits, fashion


@pytest.fixture(scope="module")
def split():
    return digits()


@pytest.fixture(scope="module")
def clothes():
    return fashion()


def packaged(name):
    path = resources.files("refdiff.data") / name
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return archive["images"], archive["labels"]


@pytest.fixture(scope="module")
def raw():
    return packaged("digits8.npz")


def square_distances(x, y):
    return np.sum(x**2, axis=1)[:, None] + np.sum(y**2, axis=1) - 2 * x @ y.T


def test_digits_have_the_shapes_and_types_that_are_promised(split):
    assert split.train.images.shape == (1501, 8, 8)
    assert split.test.images.shape == (296, 8, 8)
    for part in split:
        assert part.images.dtype == np.float32
        assert part.labels.dtype == np.int64
        assert part.flat.shape == (len(part.images), 64)
        assert set(part.labels) == set(range(10))


def test_train_and_test_are_all_the_digits_and_share_none(split, raw):
    images, labels = raw
    back = [(8 * (part.flat.astype(float) + 1)).astype(int) for part in split]
    rows = [tuple(map(int, (*x, y))) for part, xs in zip(split, back, strict=True)
            for x, y in zip(xs, part.labels, strict=True)]  # fmt: skip
    assert sorted(rows) == sorted(tuple(map(int, (*x.ravel(), y))) for x, y in zip(images, labels, strict=True))
    assert len(set(rows)) == len(rows)  # the file repeats no image, so none can lie in both parts


def test_the_rule_of_the_split_is_every_sixth_image_of_a_class(split, raw):
    images, labels = raw
    seen, test = dict.fromkeys(range(10), 0), []
    for image, label in zip(images, map(int, labels), strict=True):
        seen[label] += 1
        if seen[label] % 6 == 0:
            test.append(image / 8.0 - 1)
    np.testing.assert_array_equal(split.test.images, test)


def test_classes_have_equal_shares_in_both_parts_to_one_image(split):
    train, test = (np.bincount(part.labels) for part in split)
    assert np.all(np.abs(test - (train + test) / 6) < 1)


def test_pixels_are_scaled_exactly_and_stand_one_width_apart(split):
    values = np.unique(np.concatenate([part.images.ravel() for part in split]))
    np.testing.assert_array_equal(values, np.linspace(-1, 1, 17))
    assert np.all(np.diff(values) == DIGITS_WIDTH)


def test_test_images_are_as_near_to_the_training_images_as_these_are_to_one_another(split):
    # what a fair reference for memorising needs; leave-one-out medians agree to 5 % (0.995)
    train, test = (part.flat.astype(float) for part in split)
    own, other = square_distances(train, train), square_distances(test, train)
    np.fill_diagonal(own, np.inf)
    ratio = np.sqrt(np.median(own.min(axis=1)) / np.median(other.min(axis=1)))
    assert 0.95 < ratio < 1.05


def test_a_caller_may_write_into_what_digits_returns(split):
    mine = digits()
    mine.train.images[:] = 0
    np.testing.assert_array_equal(digits().train.images, split.train.images)


def test_the_licence_of_the_digits_travels_with_them():
    text = (resources.files("refdiff.data") / "LICENSE-digits").read_text()
    for word in ("Alpaydin", "Kaynak", "10.24432/C50P49", "Attribution 4.0", "re-encoded"):
        assert word in text


def test_fashion_has_the_shapes_and_types_that_are_promised(clothes):
    assert clothes.train.images.shape == (840, 28, 28)
    assert clothes.test.images.shape == (160, 28, 28)
    for part, each in zip(clothes, (84, 16), strict=True):
        assert part.images.dtype == np.float32
        assert part.labels.dtype == np.int64
        np.testing.assert_array_equal(np.bincount(part.labels), np.full(10, each))
    assert len(FASHION_CLASSES) == 10


def test_fashion_is_split_by_the_rule_of_the_digits(clothes):
    images, labels = packaged("fashion_mini28_4bit.npz")
    for c in range(10):
        mine = images[labels == c]
        held_back = np.arange(100) % 6 == 5
        for part, chosen in ((clothes.train, mine[~held_back]), (clothes.test, mine[held_back])):
            np.testing.assert_array_equal(np.rint((part.images[part.labels == c] + 1) * 7.5), chosen)


def test_the_grey_values_of_fashion_stand_one_width_apart(clothes):
    # float32: 2/15 has no finite binary form, an ulp at 1 is 1.2e-7
    values = np.unique(np.concatenate([part.images.ravel() for part in clothes]))
    np.testing.assert_allclose(values, np.linspace(-1, 1, 16), rtol=0, atol=1.2e-7)
    np.testing.assert_allclose(np.diff(values), FASHION_WIDTH, rtol=0, atol=2.4e-7)
    assert values[0] == -1
    assert values[-1] == 1


def test_the_names_of_the_classes_fit_the_pictures(clothes):
    # trousers are narrow, ankle boots are higher than sneakers, and sandals use little ink
    images, labels = clothes.train
    ink = {name: (images[labels == c] + 1).mean(axis=0) for c, name in enumerate(FASHION_CLASSES)}
    width = {name: np.count_nonzero(x.mean(axis=0) > 0.3) for name, x in ink.items()}
    height = {name: np.count_nonzero(x.mean(axis=1) > 0.3) for name, x in ink.items()}
    assert min(width, key=width.get) == "trouser"
    assert height["ankle boot"] > height["sneaker"]
    assert min(ink, key=lambda name: ink[name].mean()) == "sandal"


def test_the_licence_of_fashion_travels_with_it():
    text = (resources.files("refdiff.data") / "LICENSE-fashion-mnist").read_text()
    for word in ("MIT", "(c) 2017 Zalando SE", "first 100 images of each class", "round(x / 17)", "re-encoded"):
        assert word in text
