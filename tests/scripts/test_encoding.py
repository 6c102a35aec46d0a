"""Test the scripts that run an encoder: they write the output of a small encoder in the order of the keys."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts import classify, embed_images, embed_prompts
from tests.photographs import write_photographs
from tests.tiny_encoders import tiny_clip, tiny_dino
from untold.base.identity import digest, file_digest
from untold.data.parquet import column_names, read_arrays, read_metadata, read_table, write_arrays, write_table
from untold.images import folder
from untold.images.decode import UnreadableImage, decode
from untold.models.encoders import load_encoder, load_text_encoder
from untold.study.schema_encoders import OpenClip, Timm


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> OpenClip:
    folder = tiny_clip(tmp_path_factory.mktemp("encoders") / "clip")
    return OpenClip(library="open_clip", source={"path": str(folder)}, quick_gelu=False, batch_size=2)


@pytest.fixture(scope="module")
def dino(tmp_path_factory) -> Timm:
    folder = tiny_dino(tmp_path_factory.mktemp("encoders") / "dino")
    return Timm(library="timm", source={"path": str(folder)}, pooling="cls", tokens=True, batch_size=2)


@pytest.fixture
def manifest(tmp_path) -> pd.DataFrame:
    """Write two shards of a manifest of three photographs, and return its distinct accepted rows.

    One photograph has two rows, one row is rejected, and the keys are in the reverse order of the files.
    """
    paths = write_photographs(tmp_path / "photographs", 3)
    rows = [(key, path.as_posix(), file_digest(path), True) for key, path in zip("cba", paths, strict=True)]
    table = pd.DataFrame([*rows, rows[0], ("d", "", "", False)], columns=["key", "path", "sha256", "accepted"])
    write_table(tmp_path / "0.parquet", table[:2])
    write_table(tmp_path / "1.parquet", table[2:])
    return table[:3].sort_values("key", ignore_index=True)


def shards(place: Path) -> list[Path]:
    return [place / "0.parquet", place / "1.parquet"]


def test_images_are_embedded_once_each_in_the_order_of_their_keys(manifest, dino, tmp_path):
    settings = embed_images.Settings(encoder=dino, weights="", max_pixels=10**6)
    vectors, tokens = tmp_path / "vectors.parquet", tmp_path / "tokens.parquet"
    embed_images.main(settings=settings, images=shards(tmp_path), vectors=vectors, tokens=[tokens])
    encoder = load_encoder(dino)
    batches = list(encoder.embed([Path(path) for path in manifest["path"]], decode))
    for path, column in ((vectors, "vector"), (vectors, "mean"), (tokens, "tokens")):
        keys, arrays = read_arrays(path, column)
        assert list(keys) == ["a", "b", "c"]
        assert np.array_equal(arrays, np.concatenate([batch[column] for batch in batches])), column
    expected = dict(encoder.metadata) | {"images_sha256": digest(sorted(manifest["sha256"]))}
    assert read_metadata(vectors) == read_metadata(tokens) == expected


@pytest.mark.parametrize("pooling", ["cls", "average"])
def test_a_shard_without_pictures_has_the_columns_of_the_others(tmp_path, pooling):
    tiny_dino(tmp_path / "dino")
    encoder = Timm(
        library="timm", source={"path": str(tmp_path / "dino")}, pooling=pooling, tokens=pooling == "cls", batch_size=2
    )
    paths = write_photographs(tmp_path / "photographs", 3)
    manifest, _ = folder.index(tmp_path / "photographs", [path.name for path in paths])
    write_table(tmp_path / "0.parquet", manifest)
    write_table(tmp_path / "1.parquet", manifest[:0])
    settings = embed_images.Settings(encoder=encoder, weights="", max_pixels=10**8)
    for number in (0, 1):
        tokens = [tmp_path / f"tokens{number}.parquet"] if pooling == "cls" else []
        vectors = tmp_path / f"vectors{number}.parquet"
        embed_images.main(settings=settings, images=[tmp_path / f"{number}.parquet"], vectors=vectors, tokens=tokens)
    assert len(read_arrays([tmp_path / f"vectors{number}.parquet" for number in (1, 0)])[0]) == len(manifest) > 0
    if pooling == "cls":
        assert read_arrays(tmp_path / "tokens1.parquet", "tokens")[1].shape[1:] == (17, 16)


def test_an_image_that_has_changed_is_not_embedded(manifest, clip, tmp_path):
    other = Path(manifest["path"][1])
    Path(manifest["path"][0]).write_bytes(other.read_bytes())
    settings = embed_images.Settings(encoder=clip, weights="", max_pixels=10**6)
    with pytest.raises((ValueError, UnreadableImage)):
        embed_images.main(settings=settings, images=shards(tmp_path), vectors=tmp_path / "vectors.parquet", tokens=[])
    assert not (tmp_path / "vectors.parquet").exists()


def test_prompts_are_embedded_once_each(clip, tmp_path):
    texts = ["an older person reading", "a person reading", "a young person reading"]
    rows = pd.DataFrame({"prompt": texts, "prompt_key": ["r", "p", "q"]})
    write_table(tmp_path / "0.parquet", rows[:2].assign(seed=1))
    write_table(tmp_path / "1.parquet", rows.assign(seed=2))
    settings = embed_prompts.Settings(encoder=clip, weights="")
    vectors = tmp_path / "vectors.parquet"
    notes = tmp_path / "notes.json"
    embed_prompts.main(settings=settings, prompts=shards(tmp_path), vectors=vectors, provenance=notes)
    assert json.loads(notes.read_text()) == {"prompts": 3, "cut": 0, "unread": ""}
    keys, arrays = read_arrays(vectors)
    encoder = load_text_encoder(clip)
    assert list(keys) == ["p", "q", "r"]
    assert np.allclose(arrays, encoder.encode([texts[1], texts[2], texts[0]]), atol=1e-6)
    assert read_metadata(vectors) == encoder.metadata and "vector" in column_names(vectors)


def test_prompts_beyond_the_context_are_counted_with_what_was_not_read(clip, tmp_path):
    words = " ".join(["word"] * 75)
    rows = pd.DataFrame({"prompt": [words, f"{words} of an older person"], "prompt_key": ["p", "q"]})
    write_table(tmp_path / "0.parquet", rows)
    settings, notes = embed_prompts.Settings(encoder=clip, weights=""), tmp_path / "notes.json"
    embed_prompts.main(
        settings=settings, prompts=[tmp_path / "0.parquet"], vectors=tmp_path / "vectors.parquet", provenance=notes
    )
    assert json.loads(notes.read_text()) == {"prompts": 2, "cut": 1, "unread": "of an older person"}


def test_every_classifier_gives_each_image_probabilities_of_its_labels(clip, tmp_path):
    """An image with the vector of a prompt gets the label of that prompt, and probabilities match their definition."""
    attributes = {
        "gender": {
            "plain": {"male": ["man"], "female": ["woman"]},
            "several": {"male": ["man", "boy"], "female": ["girl"]},
        },
        "hair": {"plain": {"long": ["long hair"], "short": ["short hair"]}},
    }
    encoder = load_text_encoder(clip)
    prompts = encoder.encode(["man", "woman", "long hair"])
    write_arrays(tmp_path / "0.parquet", ["y", "x"], {"vector": prompts[:2]}, {})
    write_arrays(tmp_path / "1.parquet", ["z"], {"vector": prompts[2:]}, {})
    predictions = tmp_path / "predictions.parquet"
    settings = classify.Settings(encoder=clip, weights="", attributes=attributes)
    classify.main(settings=settings, vectors=shards(tmp_path), predictions=predictions)
    table = read_table(predictions)
    keys = ["key", "attribute", "classifier", "label"]
    assert list(table.columns) == [*keys, "probability"] and len(table) == 3 * (2 + 2 + 2)
    assert table[keys].equals(table[keys].sort_values(keys, ignore_index=True)) and not table.duplicated(keys).any()
    assert table.groupby(keys[:3])["probability"].sum().to_numpy() == pytest.approx(1)
    given = table.set_index(keys)["probability"]
    unit = prompts.astype(float) / np.linalg.norm(prompts, axis=1, keepdims=True)
    odds = np.exp(encoder.logit_scale * (unit[0] @ unit[0] - unit[0] @ unit[1]))
    assert given["y", "gender", "plain", "male"] == pytest.approx(odds / (1 + odds), abs=1e-4)
    assert given["x", "gender", "plain", "female"] == pytest.approx(odds / (1 + odds), abs=1e-4)
    assert given["y", "gender", "plain", "male"] > 0.5 and given["z", "hair", "plain", "long"] > 0.5
