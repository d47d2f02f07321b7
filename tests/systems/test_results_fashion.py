"""Two judges that share nothing, and the table of clothes."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from refdiff.data import Labelled, Split, digits, fashion
from refdiff.metrics import nearest
from refdiff.systems import results_fashion
from refdiff.systems.judge import train_conv_judge
from refdiff.systems.results import Bench, Row, Told, nearest_of_many
from refdiff.systems.results_fashion import Looks, Report, by_class, chosen, some_of

CLASSES = np.arange(10)


def test_the_judges_have_no_image_and_no_random_number_in_common(monkeypatch):
    seen = {}

    def keep(name):
        def train(data, *, rng, **options):
            seen[name] = data.labels, rng.random(50)
            return name

        return train

    monkeypatch.setattr(results_fashion, "train_judge", keep("perceptron"))
    monkeypatch.setattr(results_fashion, "train_conv_judge", keep("convolutional"))
    both = results_fashion.judges(Labelled(np.zeros((101, 2, 2)), np.arange(101)))
    assert both == ("perceptron", "convolutional")
    (one, first), (other, second) = seen.values()
    assert sorted([*one, *other]) == list(range(101))
    assert not set(first) & set(second)


def test_a_share_is_of_the_class_that_was_asked_for():
    labels = np.repeat(CLASSES, 4)
    data = Labelled(np.tile(labels[:, None, None], (1, 2, 2)), labels)
    assert by_class(lambda rows: rows[:, 0], data) == (1.0,) * 10
    assert by_class(lambda rows: np.full(len(rows), 6), data) == (0.0,) * 6 + (1.0,) + (0.0,) * 3
    half = np.where(np.arange(40) % 2, labels, -1)
    assert by_class(lambda rows: half, data) == (0.5,) * 10


def test_the_guidance_with_the_best_worst_class_is_chosen_and_the_least_of_several():
    assert chosen({1.0: (0.9, 0.5), 2.0: (0.7, 0.8), 3.0: (0.99, 0.6)}) == 2.0
    assert chosen({4.0: (0.9, 0.9), 3.0: (1.0, 0.9), 1.0: (0.8, 1.0)}) == 3.0


def test_images_of_every_class_come_in_turn_and_a_second_hundred_is_another():
    train = fashion().train
    first, second = some_of(train, 7), some_of(train, 7, first=7)
    assert np.array_equal(first.labels, np.tile(CLASSES, 7))
    assert np.array_equal(first.images[6], train.images[train.labels == 6][0])
    together = np.concatenate([first.flat, second.flat])
    assert len(np.unique(together, axis=0)) == 140


def test_what_is_reported_was_not_drawn_to_choose():
    noise = []

    def sample(*, labels, guidance, rng):
        noise.extend(rng.standard_normal(len(labels)))
        return np.full((len(labels), 2, 2), 3.0)

    trained = SimpleNamespace(sample=sample)
    told = results_fashion.tried(trained, lambda rows: np.zeros(len(rows)))
    assert list(told) == [1.0, 2.0, 3.0, 4.0]
    images = [results_fashion.reported(trained, w) for w in told]
    assert len(set(noise)) == 4 * 10 * (results_fashion.TRIED + results_fashion.EACH)
    assert all(np.all(data.images == 1) for data in images)  # clipped
    assert all(np.array_equal(data.labels[:10], CLASSES) for data in images)


def test_a_gaussian_of_each_class_has_its_mean_and_its_label():
    train = fashion().train
    small = Labelled(train.images[:, ::4, ::4], train.labels)
    law = results_fashion.ten_gaussians(small, 400, rng=np.random.default_rng(0))
    assert law.images.shape == (4000, 7, 7)
    assert np.max(np.abs(law.images)) == 1
    drawn, real = ([data.flat[data.labels == c].mean(axis=0) for c in CLASSES] for data in (law, small))
    assert np.array_equal(nearest(drawn, real).which, CLASSES)


def test_a_convolutional_judge_learns_to_read():
    data = digits()
    few = some_of(data.test, 5)
    judge = train_conv_judge(data.train, steps=25, rng=np.random.default_rng(0))
    assert np.mean(judge(few.flat) == few.labels) > 0.8


def test_a_report_is_written_and_read(tmp_path):
    shares = tuple(np.linspace(0.5, 1, 10))
    rows = [Looks(Row("a", Told(0.5, 0.1), ratio=Told(1.25, 0.03)), shares, shares[::-1])]
    report = Report({"fashion": rows}, {1.0: shares, 2.0: shares}, {"fashion": 11.5})
    results_fashion.write(tmp_path / "r.json", report)
    assert results_fashion.read(tmp_path / "r.json") == report
    assert rows[0].worst == 0


def test_judges_may_read_more_images_than_are_compared():
    train = fashion().train
    small = Labelled(train.images[:, ::4, ::4], train.labels)
    split = Split(some_of(small, 40), some_of(small, 20, first=40))
    copies = some_of(small, 20)

    def judge(rows):  # that knows how many it was shown: 1 if all, else 0
        return np.full(len(rows), len(rows) == len(small.labels))

    looks = results_fashion.looks("copies", copies, Bench(split, judge), judge, read=small)
    assert looks.row.ratio.value == 0
    assert looks.row.accuracy.value == pytest.approx(np.mean(small.labels == 1))
    assert looks.reporting == looks.choosing == (0, 1, *[0] * 8)
    alone = results_fashion.looks("copies", copies, Bench(split, judge), judge)
    assert alone.reporting == (1, *[0] * 9)


def test_the_nearest_of_many_are_those_of_an_exact_search():
    rng = np.random.default_rng(0)
    train = rng.standard_normal((300, 5)).astype(np.float32)
    x = np.concatenate([rng.standard_normal((120, 5)), train[7:9], train[[3]] + np.float32(1e-4)])
    want, got = nearest(x, train), nearest_of_many(x, train)
    assert np.array_equal(got.which, want.which)
    np.testing.assert_allclose(got.distance, want.distance, rtol=1e-12, atol=0)
    assert list(got.distance[120:122]) == [0, 0]
    assert len(nearest_of_many(x, train[:4]).which) == len(x)


def test_the_stored_table_holds_what_the_page_says_of_it():
    report = results_fashion.read(Path(__file__).parents[2] / "docs" / "data" / "fashion.json")
    rows = {one.row.name: one for one in report.looks["fashion-full"]}
    real, alone, ten = (rows[name] for name in ("real images", "U-Net, guidance 1", "ten Gaussians"))
    best = rows[f"U-Net, guidance {chosen(report.tried):g}"]
    assert max(min(real.reporting), min(real.choosing)) < 0.8 < min(best.reporting)
    assert best.row.recall.value < alone.row.recall.value < real.row.recall.value
    assert alone.row.accuracy.value < real.row.accuracy.value < ten.row.accuracy.value
    assert rows["training images"].row.ratio.value == 0
    assert all(one.row.accuracy.value == pytest.approx(np.mean(one.reporting), abs=1e-9) for one in rows.values())
    few = report.looks["fashion"]
    assert all(one.row.ratio.value > 1 for one in few)  # no copies
    assert [one.row.name for one in few] == [f"U-Net, guidance {w:g}" for w in results_fashion.GUIDANCE]
    assert set(report.minutes) == set(report.looks)
