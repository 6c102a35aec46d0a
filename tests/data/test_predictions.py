"""Test that predictions are joined with the requested attributes of the right images only."""

import pandas as pd

from untold.data.predictions import beside_groups


def test_only_neutral_and_marked_images_are_compared_with_what_was_asked():
    roles = {"n": "neutral", "y": "group", "p": "placebo", "a": "age_grid"}
    images = pd.DataFrame(
        {"key": [*roles], "activity_id": "read", "seed": 0, "group": [*roles], "role": roles.values()}
    )
    rows = [(key, "group", "clip", label, p) for key in roles for label, p in (("young", 0.75), ("older", 0.25))]
    predictions = pd.DataFrame(rows, columns=["key", "attribute", "classifier", "label", "probability"])
    table = beside_groups(predictions, images, "people", "clip_image")
    assert table["group"].tolist() == ["n", "y"]
    assert table[["young", "older"]].to_numpy().tolist() == [[0.75, 0.25]] * 2
