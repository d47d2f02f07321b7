import gzip
from pathlib import Path

import numpy as np
import pytest

from refdiff.data import FASHION_CLASSES, fashion, fashion_full, idx, read_idx

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
here = pytest.mark.skipif(not idx.DEBIAN.exists(), reason="needs Debian's dataset-fashion-mnist")


def packed(array, code=0x08):
    axes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, code, array.ndim]) + axes + array.astype(TYPES[code]).tobytes()


def written(folder, data, *, zipped=True):
    """The four files, from images of 28 x 28 that show nothing."""
    folder.mkdir(exist_ok=True)
    for name, content in zip(NAMES, data, strict=True):
        raw = packed(content)
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(raw, 1) if zipped else raw)
    return folder


@pytest.fixture
def blank(monkeypatch):
    """Data of the right shapes but a hundredth of the length, told apart by their first two pixels."""
    monkeypatch.setattr(idx, "EACH", {"train": 60, "t10k": 10})
    monkeypatch.delenv("REFDIFF_DATA", raising=False)
    data = []
    for each in (60, 10):
        images, labels = np.zeros((10 * each, 28, 28), np.uint8), np.tile(np.arange(10), each)
        images[:, 0, 0], images[:, 0, 1] = labels, each
        data += [images, labels]
    return data


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("zipped", [False, True])
def test_an_idx_file_is_read_back_in_every_type(tmp_path, code, zipped):
    array = np.arange(24).reshape(2, 3, 4).astype(TYPES[code])
    raw = packed(array, code)
    (tmp_path / "x").write_bytes(gzip.compress(raw) if zipped else raw)
    got = read_idx(tmp_path / "x")
    np.testing.assert_array_equal(got, array)
    assert got.dtype == array.dtype.newbyteorder("=")
    got[0] = 0  # it is the caller's own


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_cut_short_anywhere_is_refused_by_name(tmp_path, zipped):
    raw = packed(np.arange(40).reshape(5, 8))
    whole = gzip.compress(raw) if zipped else raw
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut"):
            read_idx(tmp_path / "cut")


FOREIGN = {
    "archive": b"PK\x03\x04 some archive",
    "png": b"\x89PNG\r\n\x1a\n",
    "no such type": b"\0\0\x07\x01\0\0\0\x01a",
    "too long": packed(np.arange(9)) + b"more",
    "asks for 2^96 bytes": b"\0\0\x08\x03" + b"\xff" * 12 + b"a header",
    "zipped, then more": gzip.compress(b"hello", mtime=0) + b"tail",
    "page": b"<html>404</html>",
    "zipped badly": b"\x1f\x8b\x08\x00" + bytes(30),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "foreign").write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign must .* got .*\. Download"):
        read_idx(tmp_path / "foreign")


def test_a_file_that_is_not_there_is_a_refusal(tmp_path):
    for path in (tmp_path / "nothing", tmp_path, None):
        with pytest.raises(ValueError, match="must be a readable IDX file"):
            read_idx(path)


def test_where_fashion_is_looked_for(tmp_path, monkeypatch, blank):
    monkeypatch.setattr(idx, "DEBIAN", tmp_path / "debian")
    ways = "debian.*apt-get install dataset-fashion-mnist.*root=.*REFDIFF_DATA.*fashion\\(\\)"
    with pytest.raises(ValueError, match=ways):
        fashion_full()
    written(tmp_path / "fashion-mnist", blank, zipped=False)
    monkeypatch.setenv("REFDIFF_DATA", str(tmp_path))
    split = fashion_full()
    for part, each in zip(split, (60, 10), strict=True):
        assert part.images.shape == (10 * each, 28, 28)
        assert part.images.dtype == np.float32
        assert part.labels.dtype == np.int64
        np.testing.assert_array_equal(np.rint((part.images[:, 0, 0] + 1) * 127.5), part.labels)
        assert np.all(np.rint((part.images[:, 0, 1] + 1) * 127.5) == each)
    with pytest.raises(ValueError, match=r"none in /not/here\. Install"):
        fashion_full("/not/here")  # a folder that is named is the only one searched
    for root in (3, np.nan):
        with pytest.raises(ValueError, match="root must be a folder's path"):
            fashion_full(root)


def test_data_of_other_shares_are_not_taken_for_fashion(tmp_path, blank):
    mnist = [*blank[:1], np.sort(np.minimum(blank[1], 8)), *blank[2:]]  # MNIST's classes are of unequal size
    with pytest.raises(ValueError, match=r"60 images of 28 x 28 in each of ten classes as train.*same names"):
        fashion_full(written(tmp_path, mnist, zipped=False))


def test_a_part_that_is_missing_is_named(tmp_path, blank):
    home = written(tmp_path, blank, zipped=False)
    (home / NAMES[1]).unlink()
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte"):
        fashion_full(home)


@here
@pytest.mark.slow
def test_the_thousand_in_the_package_are_the_first_hundred_of_each_class(monkeypatch):
    monkeypatch.delenv("REFDIFF_DATA", raising=False)
    whole, few = fashion_full().train, fashion()
    first = np.sort([i for c in range(10) for i in np.flatnonzero(whole.labels == c)[:100]])
    images = np.rint((whole.images[first] + 1) * 7.5)  # rounded to 16 grey values
    labels = whole.labels[first]
    np.testing.assert_array_equal(np.sort(np.concatenate([p.labels for p in few])), np.sort(labels))
    for c in range(len(FASHION_CLASSES)):
        mine = images[labels == c]
        tested = np.arange(len(mine)) % 6 == 5
        for part, chosen in ((few.train, mine[~tested]), (few.test, mine[tested])):
            np.testing.assert_array_equal(np.rint((part.images[part.labels == c] + 1) * 7.5), chosen)


def test_debian_keeps_the_data_where_we_look():
    assert Path("/usr/share/datasets/fashion-mnist") == idx.DEBIAN
