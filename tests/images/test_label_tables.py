"""Test that labels are read in the layouts in which people have them, each with the right counts."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from untold.images.label_table import read_labels
from untold.images.labels import LabelTable, captions_beside, subfolder_labels

FILES = [f"{number:06d}.jpg" for number in range(1, 7)]


def counts(table: Path, column: str, files=FILES, **options) -> Counter:
    """How many pictures have each label."""
    given = {"key": None, "columns": [column], "caption": None, "folder": table.parent, "files": files} | options
    return Counter(LabelTable(table, **given).matched[column])


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv"])
@pytest.mark.parametrize("place", ["", "train"])
def test_metadata_of_hugging_face_beside_the_pictures(tmp_path, name, place):
    """Names are relative to the folder of the table, which may be a split of the pictures."""
    rows = [{"file_name": file, "smiling": number % 3 == 0, "age": 20 + number} for number, file in enumerate(FILES)]
    path = tmp_path / place / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith("csv"):
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    both = [f"{split}/{file}" for split in ("test", "train") for file in FILES] if place else FILES
    assert counts(path, "smiling", both, folder=tmp_path) == {"True": 2, "False": 4}
    assert counts(path, "age", both, folder=tmp_path) == dict.fromkeys(map(str, range(20, 26)), 1)


def test_attributes_of_celeba(tmp_path):
    path = tmp_path / "list_attr_celeba.txt"
    rows = [f"{file} {'-1' if n < 2 else ' 1'}  1 \n" for n, file in enumerate(FILES)]
    path.write_text("6\nMale Smiling \n" + "".join(rows))
    assert counts(path, "Male") == {"1": 4, "-1": 2}
    assert counts(path, "Smiling") == {"1": 6}


def test_boxes_of_celeba(tmp_path):
    """Its header names the file, unlike that of the attributes."""
    path = tmp_path / "list_bbox_celeba.txt"
    path.write_text("6\nimage_id x_1 y_1\n" + "".join(f"{file}    95  71\n" for file in FILES))
    assert counts(path, "x_1") == {"95": 6}


def test_fairface(tmp_path):
    path = tmp_path / "fairface_label_val.csv"
    ages = ["0-2", "3-9", "3-9", "more than 70", "20-29", "20-29"]
    rows = [f"val/{n}.jpg,{age},Female,East Asian,{n % 2 == 0}\n" for n, age in enumerate(ages, start=1)]
    path.write_text("file,age,gender,race,service_test\n" + "".join(rows))
    files = [f"{split}/{n}.jpg" for split in ("train", "val") for n in range(1, 7)]
    assert counts(path, "age", files) == {"0-2": 1, "3-9": 2, "more than 70": 1, "20-29": 2}
    assert counts(path, "service_test", files) == {"True": 3, "False": 3}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_are_found_out(tmp_path, separator, declared, encoding):
    first = f"sep={separator}\r\n" if declared else ""
    words = ["ja", "nein" if separator == "," else "nein, nie"]
    rows = [f"{file}{separator}{words[n % 2]}" for n, file in enumerate(FILES)]
    text = first + "\r\n".join([f"image{separator}hat", *rows])
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    assert sorted(counts(tmp_path / "labels.csv", "hat").values()) == [3, 3]


def test_blanks_around_keys_and_labels_mean_nothing(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("file , hat\n" + "".join(f" {file} , {'yes ' if n else ' '}\n" for n, file in enumerate(FILES)))
    found = counts(path, "hat", [*FILES[:5], f" {FILES[5]}"])
    assert found["yes"] == 5 and len(found) == 2, "the other is a picture without a label"


def test_zeros_and_ones_with_empty_cells_are_two_classes(tmp_path):
    """A column of numbers with gaps would be read as 0.0 and 1.0."""
    path = tmp_path / "gender.csv"
    path.write_text("id,gender\n" + "".join(f"{file},{['', 0, 1][n % 3]}\n" for n, file in enumerate(FILES)))
    found = counts(path, "gender")
    assert found["0"] == found["1"] == 2


def test_img2dataset(tmp_path):
    """Rows of failed downloads have no picture; columns named as ours do no harm unless they are asked for."""
    folders = [f"00000/{number:09d}.jpg" for number in range(4)]
    table = pd.DataFrame(
        {
            "url": "x",
            "key": [f"{number:09d}" for number in range(6)],
            "caption": [f"person {number}" for number in range(6)],
            "status": ["success"] * 4 + ["failed_to_download"] * 2,
            "width": 256,
            "sha256": "y",
        }
    )
    table.to_parquet(tmp_path / "00000.parquet")
    found = LabelTable(tmp_path / "00000.parquet", None, ["status"], "caption", tmp_path, folders)
    assert dict(zip(found.matched["file"], found.matched["caption"], strict=True)) == {
        file: f"person {number}" for number, file in enumerate(folders)
    }
    assert found.problems["reason"].tolist() == ["label without a file (and 1 more such rows)"]


def test_of_several_captions_the_first_counts(tmp_path):
    (tmp_path / "captions.csv").write_text("image,caption\n1.jpg,A man\n1.jpg,A cook\n2.jpg,A woman\n")
    found = LabelTable(tmp_path / "captions.csv", None, [], "caption", tmp_path, ["1.jpg", "2.jpg"]).matched
    assert found["caption"].tolist() == ["A man", "A woman"]


def test_numbers_and_truth_values_are_categories_as_written(tmp_path):
    table = pd.DataFrame({"id": [1, 2, 3], "grade": [1.0, None, 2.5], "male": [True, False, None]})
    table.to_parquet(tmp_path / "labels.parquet")
    read, key = read_labels(tmp_path / "labels.parquet", "id")
    assert (key, read["id"].tolist()) == ("id", ["1", "2", "3"])
    assert read["grade"].fillna("").tolist() == ["1", "", "2.5"]
    assert read["male"].fillna("").tolist() == ["True", "False", ""]


def test_a_class_for_every_subfolder():
    labels, problems = subfolder_labels(["cats/a.jpg", "train/dogs/b.jpg", "train/dogs/c.jpg", "d.jpg"], "animal")
    assert Counter(labels["animal"]) == {"cats": 1, "dogs": 2}
    assert problems.to_numpy().tolist() == [["d.jpg", "file without a label: it lies in no subfolder"]]


def test_captions_beside_pictures(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("\n A nurse \nmore\n", encoding="utf-8-sig")
    (tmp_path / "2.txt").write_text("")
    (tmp_path / "3.txt").write_bytes(b"caf\xe9")
    captions, problems = captions_beside(tmp_path, ["a/1.jpg", "2.jpg", "3.jpg", "4.jpg"])
    assert captions.to_numpy().tolist() == [["a/1.jpg", "A nurse"]]
    reasons = dict(problems.to_numpy().tolist())
    assert reasons["2.jpg"] == "its caption is empty" and reasons["4.jpg"] == "file without a caption"
    assert "cannot be read" in reasons["3.jpg"]
