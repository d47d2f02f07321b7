import sys

import numpy as np
import pytest
from PIL import Image

from refdiff.data import png_folder

RNG = np.random.default_rng


def put(path, pixels, mode=None, **options):
    path.parent.mkdir(exist_ok=True, parents=True)
    image = Image.fromarray(np.asarray(pixels))
    (image if mode is None else image.convert(mode)).save(path, format="PNG", **options)
    return path


def grey(shape=(4, 6), seed=0):
    return RNG(seed).integers(256, size=shape, dtype=np.uint8)


def back(images):
    """Values 0 to 255 again."""
    return np.rint((images + 1) * 127.5)


def test_each_subfolder_is_a_class_in_the_order_of_the_names(tmp_path):
    files = [("dog", "b"), ("cat", "z"), ("dog", "a"), ("cat", "c")]
    for seed, (folder, name) in enumerate(files):
        put(tmp_path / folder / f"{name}.PNG", grey(seed=seed))
    (tmp_path / "empty").mkdir()
    put(tmp_path / ".hidden" / "x.png", grey())
    (tmp_path / "cat" / "._c.png").write_bytes(b"what a Mac leaves behind")
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    (images, labels), classes = png_folder(tmp_path)
    assert classes == ("cat", "dog")
    np.testing.assert_array_equal(labels, [0, 0, 1, 1])
    np.testing.assert_array_equal(back(images), [grey(seed=seed) for seed in (3, 1, 2, 0)])
    assert images.dtype == np.float32
    assert labels.dtype == np.int64


def test_a_folder_without_subfolders_has_no_classes(tmp_path):
    for i in range(3):
        put(tmp_path / f"{i}.png", grey(seed=i))
    data, classes = png_folder(str(tmp_path))
    assert classes == ()
    np.testing.assert_array_equal(data.labels, np.zeros(3))
    assert data.flat.shape == (3, 24)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "1", "L", "LA"])
def test_every_mode_of_8_bits_is_read(tmp_path, mode):
    colour = np.where(grey((4, 6, 3)) > 127, 255, 0).astype(np.uint8)  # which a palette of a few colours can hold
    put(tmp_path / "x.png", colour, mode)
    images = png_folder(tmp_path).data.images
    if mode in ("1", "L", "LA"):
        assert images.shape == (1, 4, 6)
        expected = np.asarray(Image.fromarray(colour).convert(mode).convert("L"))
    else:
        expected = colour
    np.testing.assert_array_equal(back(images[0]), expected)


def test_one_picture_in_colour_makes_all_colour(tmp_path):
    put(tmp_path / "a.png", grey((4, 4)))
    put(tmp_path / "b.png", grey((4, 4, 3)))
    images = png_folder(tmp_path).data.images
    assert images.shape == (2, 4, 4, 3)
    np.testing.assert_array_equal(back(images[0]), np.repeat(grey((4, 4))[..., None], 3, axis=-1))


def test_what_is_transparent_is_laid_on_white(tmp_path):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0, 3] = 255  # black and opaque; the others black and clear
    put(tmp_path / "x.png", pixels)
    put(tmp_path / "y.png", pixels, "LA")
    assert np.all(back(png_folder(tmp_path).data.images)[:, 0, 0] == 0)
    assert np.all(np.delete(back(png_folder(tmp_path).data.images).reshape(2, 4, 3), 0, axis=1) == 255)


def test_a_colour_of_a_palette_may_be_transparent(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "x.png", transparency=0)
    np.testing.assert_array_equal(back(png_folder(tmp_path).data.images)[0, 0], [[255, 255, 255], [10, 20, 30]])


def test_size_takes_the_central_square(tmp_path):
    wide = np.zeros((4, 8), np.uint8)
    wide[:, 2:6] = 200
    put(tmp_path / "wide.png", wide)
    put(tmp_path / "tall.png", wide.T)
    for size in (2, 4, 8):
        images = png_folder(tmp_path, size).data.images
        assert images.shape == (2, size, size)
        assert np.all(back(images) == 200)


def test_refusals_name_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="must hold PNG files; got none"):
        png_folder(tmp_path)
    for wrong in (tmp_path / "nothing", 3, None):
        with pytest.raises(ValueError, match="path must be a folder"):
            png_folder(wrong)
    good = put(tmp_path / "a.png", grey((4, 6)))
    with pytest.raises(ValueError, match="path must be a folder"):
        png_folder(good)
    for size in (0, -1, 2.5, np.nan):
        with pytest.raises(ValueError, match="size must"):
            png_folder(tmp_path, size)
    odd = put(tmp_path / "b.png", grey((4, 5)))
    refusal = r"b\.png must have the size 6 x 4 of a\.png; got 5 x 4\. Give size, as size = 32"
    with pytest.raises(ValueError, match=refusal):
        png_folder(tmp_path)
    odd.unlink()
    put(tmp_path / "sub" / "c.png", grey((4, 6)))
    with pytest.raises(ValueError, match=r"not both; got \['sub'\]"):
        png_folder(tmp_path)


def test_a_damaged_file_is_refused_by_name(tmp_path):
    whole = put(tmp_path / "a.png", grey((9, 9)), compress_level=0).read_bytes()
    jpeg = tmp_path / "jpeg"
    Image.fromarray(grey((9, 9))).save(jpeg, format="JPEG")
    foreign = [b"", b"hello", jpeg.read_bytes(), whole[:8] + whole[20:], *(whole[:n] for n in (8, 20, 40, 70, 100))]
    for content in (*foreign, whole.replace(b"IDAT", b"IDAX")):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.png must be a readable PNG; got .+\. Replace"):
            png_folder(tmp_path)


def test_sixteen_bits_are_refused_and_not_cut_to_eight(tmp_path):
    put(tmp_path / "deep.png", np.full((4, 4), 40000, np.uint16))
    with pytest.raises(ValueError, match=r"deep\.png must have 8 bits a channel; got mode I"):
        png_folder(tmp_path)


def test_without_pillow_the_way_to_it_is_told(tmp_path, monkeypatch):
    put(tmp_path / "a.png", grey())
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ValueError, match=r"find Pillow.*refdiff\[plot\]"):
        png_folder(tmp_path)
