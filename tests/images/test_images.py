"""Test that every file of a folder is either decoded correctly or rejected with a reason."""

import hashlib
import os
import struct
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tests.photographs import write_photographs
from untold.data.parquet import read_table, write_table
from untold.images import decode, folder
from untold.images.label_table import read_labels
from untold.images.labels import (
    LabelTable,
    attach_labels,
    match_labels,
    open_images_labels,
    parse_utkface,
    utkface_labels,
)
from untold.study import folders
from untold.study.schema_datasets import IMAGE_COLUMNS

RED, BLUE = (250, 10, 10), (10, 10, 250)


def halves(width: int = 40, height: int = 24) -> Image.Image:
    """Create an image with a red left half and a blue right half."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture


def near(pixel: tuple, colour: tuple, tolerance: int = 20) -> bool:
    return max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) <= tolerance


def png_header_only(width: int, height: int) -> bytes:
    """Return the hundred bytes of a valid PNG that declares any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_shows_the_same_picture(tmp_path, suffix, orientation):
    # The upright image is red on the left; store it rotated as each orientation tag requires.
    inverse = {5: 5, 6: 8, 7: 7, 8: 6}
    turn = decode.UPRIGHT.get(inverse.get(orientation, orientation))
    stored = halves() if turn is None else halves().transpose(turn)
    exif = Image.Exif()
    exif[decode.ORIENTATION] = orientation
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **({"quality": 95} if suffix != "tif" else {}))
    upright = decode.decode(tmp_path / f"a.{suffix}")
    assert upright.size == (40, 24)
    assert near(upright.getpixel((5, 12)), RED, 40)
    assert near(upright.getpixel((35, 12)), BLUE, 40)


def test_cmyk(tmp_path):
    halves().convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    image = decode.decode(tmp_path / "a.jpg")
    assert image.mode == "RGB"
    assert near(image.getpixel((4, 12)), RED, 30)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_its_levels(tmp_path, suffix):
    levels = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    Image.fromarray(levels).save(tmp_path / f"a.{suffix}")
    got = np.asarray(decode.decode(tmp_path / f"a.{suffix}"))
    assert got.shape == (64, 64, 3)
    np.testing.assert_allclose(got[..., 0], levels / 257, atol=0.51)


def test_32_bit_is_refused_with_the_remedy(tmp_path):
    Image.fromarray(np.ones((9, 9), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(decode.UnreadableImage, match="8 or 16 bits"):
        decode.decode(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        *[(suffix, "JPEG") for suffix in (".jpg", ".jpe", ".jfif", ".JPEG", "")],
        *[(".mpo", "MPO"), (".avif", "AVIF"), (".jp2", "JPEG2000"), (".heic", "HEIF"), (".HEIF", "HEIF")],
        *[("", kind) for kind in ("PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000")],
    ],
)
def test_every_kind_of_picture_is_found_and_read(tmp_path, suffix, kind):
    """By its extension or, without one, by its content."""
    halves(64, 64).save(tmp_path / f"a{suffix}", format=kind)
    (tmp_path / "notes").write_text("no picture")
    (tmp_path / "README.md").write_text("no picture")
    os.mkfifo(tmp_path / "pipe")
    assert folders.list_images(tmp_path) == [f"a{suffix}"]
    upright = decode.decode(tmp_path / f"a{suffix}")
    assert near(upright.getpixel((8, 32)), RED, 60) and near(upright.getpixel((56, 32)), BLUE, 60)


def test_an_avif_is_upright(tmp_path):
    exif = Image.Exif()
    exif[decode.ORIENTATION] = 6
    halves(64, 48).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.avif", exif=exif, quality=95)
    upright = decode.decode(tmp_path / "a.avif")
    assert upright.size == (64, 48)
    assert near(upright.getpixel((8, 24)), RED, 60) and near(upright.getpixel((56, 24)), BLUE, 60)


def test_kinds_that_are_not_read_and_hidden_files_are_listed_with_the_reason(tmp_path):
    """A raw photograph is a TIFF whose first picture is a thumbnail; Finder's copies and caches are not pictures."""
    for name in ("a.dng", "b.svg", "._c.jpg", ".cache/d.jpg", "__MACOSX/e.jpg", "f.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        halves().save(tmp_path / name, format="TIFF" if name.endswith("g") and "dng" in name else "JPEG")
    manifest, rejects = folder.index(tmp_path, folders.list_images(tmp_path))
    assert manifest["path"].str.endswith("/f.jpg").tolist() == [True]
    listed = dict(zip(rejects["path"].str.removeprefix(f"{tmp_path}/"), rejects["reason"], strict=True))
    assert listed["a.dng"].startswith(".dng is not read") and listed["b.svg"].startswith(".svg is not read")
    assert sum(reason.startswith("hidden") for reason in listed.values()) == 3


def test_a_manifest_without_pictures_has_the_types_of_one_with_pictures(tmp_path):
    """A mask of no rows and no type would choose columns instead of rows."""
    (tmp_path / "a.jpg").write_text("no picture")
    manifest, _ = folder.index(tmp_path, ["a.jpg"])
    write_table(tmp_path / "shard.parquet", manifest)
    read = read_table(tmp_path / "shard.parquet")
    assert read[read["accepted"]].columns.tolist() == list(folder.MANIFEST)


def test_links_out_of_the_folder_are_followed_if_asked(tmp_path):
    (tmp_path / "mine").mkdir()
    halves().save(tmp_path / "a.jpg")
    (tmp_path / "mine" / "b.jpg").symlink_to(tmp_path / "a.jpg")
    for follow, read in ((False, 0), (True, 1)):
        assert len(folder.index(tmp_path / "mine", ["b.jpg"], follow_links=follow)[0]) == read


def test_colours_are_those_of_the_embedded_profile(tmp_path):
    """The red of a wide profile lies outside sRGB; its numbers, read as sRGB, would be another colour."""
    wide = ImageCms.createProfile("LAB")
    with pytest.raises(ImageCms.PyCMSError):  # a profile that does not fit the picture, which keeps its numbers
        ImageCms.profileToProfile(halves(), wide, ImageCms.createProfile("sRGB"))
    halves().save(tmp_path / "odd.png", icc_profile=ImageCms.ImageCmsProfile(wide).tobytes())
    halves().save(tmp_path / "broken.png", icc_profile=b"no profile")
    halves().save(tmp_path / "srgb.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name in ("odd.png", "broken.png", "srgb.png"):
        assert decode.decode(tmp_path / name).getpixel((4, 4)) == RED
    swapped = _profile_with_swapped_primaries()
    halves().save(tmp_path / "swapped.png", icc_profile=swapped)
    red, green, blue = decode.decode(tmp_path / "swapped.png").getpixel((4, 4))
    assert green > 200 > 100 > max(red, blue)


def _profile_with_swapped_primaries() -> bytes:
    """Return sRGB's profile, in which red and green change places, under another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))


def test_a_progressive_jpeg_of_thousands_of_scans_is_refused_at_once(tmp_path):
    halves(64, 64).save(tmp_path / "a.jpg", progressive=True)
    assert decode.decode(tmp_path / "a.jpg").size == (64, 64)
    whole = (tmp_path / "a.jpg").read_bytes()
    last = whole.rindex(b"\xff\xda")
    (tmp_path / "bomb.jpg").write_bytes(whole[:-2] + whole[last:-2] * 5000 + whole[-2:])
    with pytest.raises(decode.UnreadableImage, match=r"progressive JPEG with 50\d\d scans"):
        decode.decode(tmp_path / "bomb.jpg")


def test_transparency_becomes_white(tmp_path):
    palette = Image.new("P", (10, 10), 0)
    palette.putpalette([*RED, *BLUE])
    palette.paste(1, (5, 0, 10, 10))
    palette.save(tmp_path / "palette.png", transparency=0)
    palette.save(tmp_path / "palette.gif", transparency=0)
    Image.new("RGBA", (10, 10), (*BLUE, 0)).save(tmp_path / "rgba.webp", lossless=True, exact=True)
    Image.new("LA", (10, 10), (0, 0)).save(tmp_path / "la.png")
    Image.new("RGB", (10, 10), RED).save(tmp_path / "colour_key.png", transparency=RED)
    for name in ("palette.png", "palette.gif", "rgba.webp", "la.png", "colour_key.png"):
        assert decode.decode(tmp_path / name).getpixel((1, 1)) == (255, 255, 255), name
    assert decode.decode(tmp_path / "palette.png").getpixel((8, 8)) == BLUE


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (10, 10), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    for name in ("a.gif", "a.webp"):
        assert near(decode.decode(tmp_path / name).getpixel((3, 3)), RED), name


def test_phone_photograph_with_several_pictures(tmp_path):
    halves().save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[halves()], quality=95)
    assert decode.decode(tmp_path / "a.jpg").size == (40, 24)


def test_bombs_are_refused_before_decoding(tmp_path):
    (tmp_path / "huge.png").write_bytes(png_header_only(20_000, 20_000))
    (tmp_path / "large.png").write_bytes(png_header_only(4_000, 4_000))
    (tmp_path / "strip.png").write_bytes(png_header_only(5_000, 2))
    with pytest.raises(decode.UnreadableImage, match="decompression bomb"):
        decode.decode(tmp_path / "huge.png")
    with pytest.raises(decode.UnreadableImage, match="decompression bomb: 4000 x 4000 is more than 1000000"):
        decode.decode(tmp_path / "large.png", max_pixels=1_000_000)
    with pytest.raises(decode.UnreadableImage, match="strip"):
        decode.decode(tmp_path / "strip.png")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tif", "avif", "heic", "jp2"])
def test_truncation_anywhere_is_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{suffix}")
    whole = (tmp_path / f"whole.{suffix}").read_bytes()
    decode.decode(tmp_path / f"whole.{suffix}")
    for share in (0.001, 0.05, 0.3, 0.6, 0.9):
        (tmp_path / f"cut.{suffix}").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(decode.UnreadableImage):
            decode.decode(tmp_path / f"cut.{suffix}")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(decode.FORMATS),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_corrupted_bytes_give_an_image_or_a_reason(tmp_path, suffix, edits):
    exif = Image.Exif()
    exif[decode.ORIENTATION] = 6
    halves().save(tmp_path / "whole", format=suffix, **({"exif": exif} if suffix not in ("GIF", "BMP") else {}))
    data = bytearray((tmp_path / "whole").read_bytes())
    for place, value in edits:
        data[int(place * len(data))] = value
    (tmp_path / "broken").write_bytes(bytes(data))
    try:
        assert decode.decode(tmp_path / "broken", max_pixels=1_000_000).mode == "RGB"
    except decode.UnreadableImage as error:
        assert error.reason


@pytest.fixture
def hostile(tmp_path) -> Path:
    """Create a folder with all the cases of issue 6."""
    root = tmp_path / "folder"
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()
    good = root / "a" / "same.jpg"
    halves().save(good)
    (root / "b" / "same.jpg").write_bytes(good.read_bytes())
    (root / "truncated.jpg").write_bytes(good.read_bytes()[:-300])
    (root / "empty.png").write_bytes(b"")
    Image.new("RGB", (1, 1)).save(root / "pixel.png")
    (root / "bomb.PNG").write_bytes(png_header_only(20_000, 20_000))
    (root / "text.jpg").write_text("<script>alert(1)</script>")
    (root / "notes.txt").write_text("not an image, not named like one")
    (root / "loop").symlink_to(root)
    (root / "a" / "self.jpg").symlink_to("self.jpg")
    (root / "nothing.jpg").symlink_to("gone.jpg")
    (root / "inside.jpg").symlink_to("a/same.jpg")
    halves().save(tmp_path / "secret.jpg")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    os.mkfifo(root / "pipe.jpg")
    (root / "folder.jpg").mkdir()
    halves().save(root / "folder.jpg" / "ünï 😀\n.jpeg")
    return root


def test_nothing_is_lost_in_a_hostile_folder(hostile):
    listed = folders.list_images(hostile)
    assert listed == sorted(set(listed))
    assert "notes.txt" not in listed
    manifest, rejects = folder.index(hostile, listed)
    assert sorted([*manifest["path"], *rejects["path"]]) == sorted(f"{hostile.as_posix()}/{p}" for p in listed)
    name = rejects["path"].str.removeprefix(f"{hostile.as_posix()}/")
    reasons = dict(zip(name, rejects["reason"], strict=True))
    assert set(manifest["path"].str.removeprefix(f"{hostile.as_posix()}/")) == {
        *("a/same.jpg", "b/same.jpg", "inside.jpg", "folder.jpg/ünï 😀\n.jpeg")
    }
    expected = {
        "truncated.jpg": "truncated",
        "empty.png": "empty file",
        "pixel.png": "1 x 1 pixels",
        "bomb.PNG": "decompression bomb",
        "text.jpg": "'<script>",
        "loop": "symbolic link to a folder",
        "a/self.jpg": "symbolic link that loops",
        "nothing.jpg": "symbolic link to nothing",
        "out.jpg": "leads out of the folder",
        "pipe.jpg": "not a regular file",
    }
    assert reasons.keys() == expected.keys()
    for path, part in expected.items():
        assert part in reasons[path].lower(), path
    assert list(manifest.columns) == list(folder.MANIFEST)
    assert manifest["accepted"].all()


def test_keys_tell_copies_apart_and_notice_a_replaced_picture(hostile):
    paths = ["a/same.jpg", "b/same.jpg"]
    before, _ = folder.index(hostile, paths)
    assert before["sha256"].nunique() == 1
    assert before["key"].nunique() == 2
    assert before["sha256"][0] == hashlib.sha256((hostile / paths[0]).read_bytes()).hexdigest()
    halves(30, 30).save(hostile / paths[0])
    after, _ = folder.index(hostile, paths)
    assert list(before["key"] == after["key"]) == [False, True]


def test_paths_given_from_outside_cannot_leave_the_folder(hostile):
    manifest, rejects = folder.index(hostile, ["../secret.jpg", "a/../../secret.jpg", "missing.jpg"])
    assert manifest.empty
    assert list(manifest.columns) == list(folder.MANIFEST)
    assert rejects["reason"].tolist()[2] == "no such file"
    assert rejects["reason"].str.contains("leads out").sum() == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS file systems hold UTF-8 names only")
def test_names_that_are_not_utf8_are_listed_and_rejected(tmp_path):
    halves().save(tmp_path / "good.png")
    for name in (b"caf\xe9.png", rb"caf\xe9.png"):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            file.write((tmp_path / "good.png").read_bytes())
    listed = folders.list_images(tmp_path)
    assert listed == [r"caf\xe9.png", r"caf\xe9.png?", "good.png"]
    manifest, rejects = folder.index(tmp_path, listed)
    assert len(manifest) == 2
    assert rejects["reason"].tolist() == ["the name is not UTF-8 (bytes shown escaped): rename the file"]
    rejects.to_csv(tmp_path / "rejects.csv")  # can be written


def test_not_a_folder(tmp_path):
    with pytest.raises(NotADirectoryError, match="give the folder"):
        folders.list_images(tmp_path / "gone")


def test_real_photographs(tmp_path):
    paths = write_photographs(tmp_path / "photographs", 12)
    manifest, rejects = folder.index(tmp_path / "photographs", folders.list_images(tmp_path / "photographs"))
    assert manifest["path"].tolist() == [path.as_posix() for path in paths] and rejects.empty
    assert manifest["key"].is_unique and manifest["sha256"].is_unique
    assert (manifest["width"] * 3 == manifest["height"] * 4).all() and manifest["width"].between(280, 480).all()


# --- Labels -----------------------------------------------------------------------------------------------

FILES = ["a/one.jpg", "a/two.jpg", "b/one.jpg", "three.png"]


def reasons(problems: pd.DataFrame) -> dict[str, str]:
    return dict(zip(problems["path"], problems["reason"], strict=True))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_labels_join_by_path_name_or_stem(tmp_path, suffix):
    table = pd.DataFrame(
        {
            "FileName": ["./a/one.jpg", "two.jpg", "three", "one.jpg", "gone.jpg"],
            "region": ["NA", "EU", "", "EU", "EU"],
            "age": [1, 2, 3, 4, 5],
        }
    )
    path = tmp_path / f"labels.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    read, key = read_labels(path)
    assert key == "FileName"
    matched, problems = match_labels(read, read[key].tolist(), FILES)
    assert matched["file"].tolist() == ["a/one.jpg", "a/two.jpg", "three.png"]
    assert matched["age"].tolist() == ["1", "2", "3"]
    assert matched["region"].tolist()[:2] == ["NA", "EU"]
    assert reasons(problems) == {
        "one.jpg": "ambiguous label: 2 files have this name; give the relative path",
        "gone.jpg": "label without a file",
        "b/one.jpg": "file without a label",
    }


def test_keys_stay_text_and_columns_stay_in_place(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("file,hat\n000001,1\n000002,0\n")
    assert labels_of(path, ["hat"], ["000001.jpg", "000002.jpg"])["hat"].tolist() == ["1", "0"]
    path.write_text("file,hat\n1.jpg,1,surplus\n2.jpg,0,surplus\n")
    with pytest.raises(ValueError, match="not a label table"):
        read_labels(path)


def labels_of(path: Path, columns: list[str], files: list[str], **options) -> pd.DataFrame:
    options = {"key": None, "caption": None, "folder": path.parent} | options
    return LabelTable(path, columns=columns, files=files, **options).matched


def doubts_of(path: Path, columns: list[str], classes: dict, files: list[str]) -> list[str]:
    return LabelTable(path, None, columns, None, path.parent, files).doubts(classes)


@pytest.fixture
def hats(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("file,hat,note\na.jpg,1,x\nb.jpg,0,y\nc.jpg,1,z\n")
    return path


def test_labels_of_other_pictures_are_refused(hats):
    with pytest.raises(ValueError, match=r"the table has 'a\.jpg', 'b\.jpg', the folder has 'x/1\.png', 'x/2\.png'"):
        labels_of(hats, ["hat"], ["x/1.png", "x/2.png", "x/3.png"])
    assert len(labels_of(hats, ["hat"], ["x/a.jpg", "x/2.png"])) == 1
    with pytest.raises(ValueError, match=r"has no column cap \(it has file, hat, note\)"):
        labels_of(hats, ["hat", "cap"], ["a.jpg"])
    hats.write_text("file,hat\n")
    with pytest.raises(ValueError, match="the table has no rows"):
        labels_of(hats, ["hat"], ["x/1.png"])


def test_only_the_columns_that_are_used_can_contradict_each_other(hats):
    hats.write_text("file,hat,note\na.jpg,1,x\na.jpg,1,y\n")
    assert labels_of(hats, ["hat"], ["a.jpg"])["hat"].tolist() == ["1"]
    table = LabelTable(hats, None, ["note"], None, hats.parent, ["a.jpg"])  # of this folder: not refused as a whole
    assert table.matched.empty and table.problems["reason"].str.startswith("contradictory").any()


def test_what_a_table_of_labels_leaves_to_be_desired_is_said_before_any_job(hats):
    assert doubts_of(hats, ["hat"], {"hat": ["1", "0"]}, ["a.jpg", "b.jpg"]) == []
    few = [*(f"{number}.png" for number in range(6)), "a.jpg", "c.jpg"]
    (doubt,) = doubts_of(hats, ["hat"], {}, few)
    assert "only 2 of 8 pictures have a label" in doubt and "the table has 'a.jpg', 'b.jpg'" in doubt
    with pytest.raises(
        ValueError, match=r"no picture has the class 'yes' in the column hat, which has '0', '1'; write"
    ):
        doubts_of(hats, ["hat"], {"hat": ["yes", "0"]}, ["a.jpg", "b.jpg"])


def test_contradictory_labels_are_refused_and_repeated_ones_are_not():
    labels = pd.DataFrame({"gender": ["male", "female", "male", "male"]})
    keys = ["two.jpg", "a/two.jpg", "three.png", "three.png"]
    matched, problems = match_labels(labels, keys, ["a/two.jpg", "three.png"])
    assert matched["file"].tolist() == ["three.png"]
    assert reasons(problems) == {"a/two.jpg": "contradictory labels: several rows name this file"}


def test_no_label_can_have_the_name_of_a_column_of_every_image():
    assert set(folder.MANIFEST) < IMAGE_COLUMNS


@pytest.mark.parametrize("written", ["windows", "absolute", "above", "case", "form"])
def test_keys_are_found_however_they_are_written(tmp_path, written):
    pictures = tmp_path / "Photos"
    files = ["train/Caf\u00e9 1.JPG", "train/2.jpg", "test/2.jpg"]
    keys = {
        "windows": [".\\" + file.replace("/", "\\") for file in files],
        "absolute": [f"/home/ann/Photos/{file}" for file in files],
        "above": [f"Photos/{file}" for file in files],
        "case": [file.upper() for file in files],
        "form": [unicodedata.normalize("NFD", file) for file in files],
    }[written]
    table = pd.DataFrame({"file": keys, "hat": list("abc")})
    table.to_csv(tmp_path / "labels.csv", index=False)
    found = labels_of(tmp_path / "labels.csv", ["hat"], files, folder=pictures).set_index("file")["hat"]
    assert dict(found) == dict(zip(files, "abc", strict=True))


def test_a_key_of_another_folder_means_no_picture_of_this_one(tmp_path):
    """FairFace's training labels beside its validation pictures: equal names, other people."""
    pd.DataFrame({"file": ["train/1.jpg", "train/2.jpg"], "age": ["0-2", "3-9"]}).to_csv(tmp_path / "x.csv")
    assert len(labels_of(tmp_path / "x.csv", ["age"], ["1.jpg", "2.jpg"], folder=tmp_path / "train")) == 2
    with pytest.raises(ValueError, match="no row names a picture"):
        labels_of(tmp_path / "x.csv", ["age"], ["1.jpg", "2.jpg"], folder=tmp_path / "val")


def test_letters_of_another_case_are_another_picture_if_both_are_there(tmp_path):
    (tmp_path / "x.csv").write_text("file,hat\nA.jpg,1\na,0\n")
    assert labels_of(tmp_path / "x.csv", ["hat"], ["A.jpg", "a.jpg"])["hat"].tolist() == ["1", "0"]


def test_labels_of_other_pictures_are_one_line(tmp_path):
    (tmp_path / "x.csv").write_text("file,hat\n1.jpg,1\n" + "".join(f"{n}.jpg,0\n" for n in range(2, 2000)))
    table = LabelTable(tmp_path / "x.csv", None, ["hat"], None, tmp_path, ["1.jpg"])
    assert reasons(table.problems) == {"2.jpg": "label without a file (and 1997 more such rows)"}


def test_labels_outside_the_audited_classes_are_counted(hats):
    hats.write_text("file,hat\na.jpg,1\nb.jpg,0\nc.jpg,unsure\n")
    (doubt,) = doubts_of(hats, ["hat"], {"hat": ["0", "1"]}, ["a.jpg", "b.jpg", "c.jpg"])
    assert "1 of 3 labels in the column hat are none of the audited classes ('unsure')" in doubt


def test_attached_labels_leave_gaps_where_there_are_none(hostile):
    manifest, _ = folder.index(hostile, ["a/same.jpg", "b/same.jpg"])
    labels = pd.DataFrame({"file": ["b/same.jpg"], "gender": ["female"]})
    joined = attach_labels(manifest, labels, hostile)
    assert joined["gender"].isna().tolist() == [True, False]
    assert joined["key"].tolist() == manifest["key"].tolist()
    assert "file" not in joined.columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"x,y\n1,2\n", "no column that names files among x, y"),
        (b"\xff\xff\x00broken\x81", "not a label table"),
        (b"", "not a label table"),
    ],
)
def test_bad_label_tables_say_what_to_do(tmp_path, text, message):
    (tmp_path / "labels.csv").write_bytes(text)
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path / "labels.csv")
    with pytest.raises(ValueError, match=r"labels\.csv"):
        read_labels(tmp_path / "labels.csv", "nowhere")


def test_bad_parquet_and_missing_tables(tmp_path):
    (tmp_path / "labels.parquet").write_bytes(b"PAR1 no")
    for name in ("labels.parquet", "gone.csv", "gone.parquet"):
        with pytest.raises(ValueError, match="not a label table"):
            read_labels(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("25_0_2_20170116174525125.jpg.chip.jpg", {"age": 25, "gender": "male", "race": "asian"}),
        ("part1/1_1_4_20161219140623097.jpg", {"age": 1, "gender": "female", "race": "other"}),
        ("24_0_1_20170116220224657 .jpg", {"age": 24, "gender": "male", "race": "black"}),
        ("55_0_0_20170116232725357jpg.jpg", {"age": 55, "gender": "male", "race": "white"}),
        ("44_1_4_20170116235150272.pg.chip.jpg", {"age": 44, "gender": "female", "race": "other"}),
    ],
)
def test_utkface_names(name, expected):
    assert parse_utkface(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("61_1_20170109142408075.jpg.chip.jpg", "3 fields"),
        ("39_1_20170116174525125.jpg.chip.jpg", "3 fields"),
        ("53__0_20170116184028385.jpg", "gender ''"),
        ("61_3_1_20170109150557335.jpg", "gender '3'"),
        ("25_0_7_20170116174525125.jpg", "race '7'"),
        ("999_0_0_20170116174525125.jpg", "age '999'"),
        ("-5_0_0_20170116174525125.jpg", "age '-5'"),
        ("25_0_2_.jpg", "not age_gender_race_timestamp"),
        ("holiday.jpg", "1 fields"),
    ],
)
def test_malformed_utkface_names(name, message):
    with pytest.raises(ValueError, match=message):
        parse_utkface(name)


@given(st.text())
def test_any_name_is_labels_or_a_problem(name):
    labels, problems = utkface_labels([name])
    assert len(labels) + len(problems) == 1


def test_open_images_labels(tmp_path):
    (tmp_path / "labels.csv").write_text(
        "ImageID,Source,LabelName,Confidence\n"
        "one,verification,/m/person,1\none,verification,/m/violin,1\none,verification,/m/rare,1\n"
        "two,verification,/m/person,1\ntwo,verification,/m/violin,1\ntwo,verification,/m/cat,0\n"
        "three,verification,/m/person,1\nelsewhere,verification,/m/cat,1\n"
    )
    (tmp_path / "classes.csv").write_text("/m/person,Person\n/m/violin,Violin\n/m/cat,Cat\n")
    matched, problems = open_images_labels(
        *(tmp_path / "labels.csv", tmp_path / "classes.csv"),
        min_images=2,
        files=["one.jpg", "two.jpg", "three.jpg", "four.jpg"],
    )
    assert dict(zip(matched["file"], matched["label"], strict=True)) == {
        **{"one.jpg": "Violin", "two.jpg": "Violin", "three.jpg": "Person"}
    }
    assert reasons(problems) == {"four.jpg": "file without a label"}
