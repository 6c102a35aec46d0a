"""Test that what was not done as it was asked for is said, and nothing else."""

import pandas as pd
import pytest

from untold.report.doubts import doubts

IMAGES = pd.DataFrame({"key": list("abcd"), "accepted": True, "negative": "cartoon", "hat": ["1", "0", None, "1"]})
WHOLE = {"prompts": 7, "cut": 0, "unread": ""}


def test_nothing_is_said_of_a_study_that_did_what_was_asked():
    assert doubts(IMAGES, "cartoon", ["hat"], {"hat": ["0", "1"]}, [WHOLE]) == []
    assert doubts(IMAGES.assign(negative=""), "", [], {}, []) == []
    assert doubts(IMAGES[:0], "cartoon", ["hat"], {}, []) == []


@pytest.mark.parametrize(
    ("images", "prompts", "said"),
    [
        (IMAGES.assign(negative=""), [WHOLE], "The negative prompt has no effect"),
        (IMAGES.assign(hat=[None, None, None, "1"]), [WHOLE], "Only 1 of 4 pictures have a label."),
        (IMAGES.assign(accepted=[True, True, True, False]), [WHOLE], "1 of 4 images cannot be used"),
        (IMAGES.assign(hat=["1", "0", "?", "0"]), [WHOLE], "1 of 4 labels of hat are none of .* classes \\(“\\?”\\)"),
        (
            pd.DataFrame({"key": range(60), "hat": [str(n) for n in range(60)]}).assign(accepted=True, negative="x"),
            [],
            "column hat has 60 values",
        ),
        (IMAGES, [WHOLE, {"prompts": 3, "cut": 2, "unread": "old"}], "2 of 10 prompts are longer .* not read “old”"),
    ],
)
def test_what_was_not_done_is_said(images, prompts, said):
    audited = {"hat": ["0", "1"]} if len(images) == len(IMAGES) else {}
    (doubt,) = doubts(images, "cartoon", ["hat"], audited, prompts)
    assert pd.Series([doubt]).str.contains(said).all()
