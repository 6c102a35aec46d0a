"""Join zero-shot predictions to requested groups and labels."""

from collections.abc import Mapping, Sequence

import pandas as pd


def beside_groups(predictions: pd.DataFrame, images: pd.DataFrame, dataset: str, space: str) -> pd.DataFrame:
    """Probabilities of the neutral and the marked images, one column per group.

    Parameters
    ----------
    predictions : DataFrame
        key, attribute, classifier, label, probability; only the attribute ``group`` is read.
    images : DataFrame
        Manifest with key, activity_id, seed, group, role.

    Returns
    -------
    DataFrame
        dataset, space, activity_id, seed, group (requested), and one column of probabilities per label.
    """
    group = predictions[predictions["attribute"] == "group"]
    wide = group.pivot(index="key", columns="label", values="probability").rename_axis(columns=None)
    asked = images.loc[images["role"].isin(["neutral", "group"]), ["key", "activity_id", "seed", "group"]]
    joined = asked.merge(wide, left_on="key", right_index=True, validate="one_to_one").drop(columns="key")
    joined.insert(0, "dataset", dataset)
    joined.insert(1, "space", space)
    return joined.sort_values(["activity_id", "seed", "group"], ignore_index=True)


def with_predicted(
    images: pd.DataFrame, predictions: pd.DataFrame, columns: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """Add the most probable label of each attribute to images, as a column.

    Parameters
    ----------
    images : DataFrame
        With key.
    predictions : DataFrame
        key, attribute, classifier, label, probability.
    columns : mapping of column name to (attribute, classifier)
        Ties go to the alphabetically first label. Images without a prediction get a missing value.

    Examples
    --------
    >>> images = pd.DataFrame({"key": ["a", "b"]})
    >>> rows = [("a", "female", 0.9), ("a", "male", 0.1), ("b", "female", 0.4), ("b", "male", 0.6)]
    >>> predictions = pd.DataFrame(rows, columns=["key", "label", "probability"])
    >>> predictions = predictions.assign(attribute="gender", classifier="clip")
    >>> with_predicted(images, predictions, {"gender": ("gender", "clip")})
      key  gender
    0   a  female
    1   b    male
    """
    best = _most_probable(predictions)
    for column, (attribute, classifier) in columns.items():
        chosen = best[(best["attribute"] == attribute) & (best["classifier"] == classifier)]
        images = images.assign(**{column: images["key"].map(chosen.set_index("key")["label"]).astype(object)})
    return images


def beside_labels(
    predictions: pd.DataFrame, images: pd.DataFrame, attribute: str, labels: Sequence[str]
) -> pd.DataFrame:
    """Probability of the second label for each classifier, with the true label.

    Returns
    -------
    DataFrame
        classifier, key, truth (the label), probability (of ``labels[1]``), and the manifest's columns; images whose
        label is missing or is neither of the two are left out.
    """
    chosen = predictions[(predictions["attribute"] == attribute) & (predictions["label"] == labels[1])]
    return _beside_truth(chosen[["classifier", "key", "probability"]], images, attribute, labels)


def beside_classes(
    predictions: pd.DataFrame, images: pd.DataFrame, attribute: str, labels: Sequence[str]
) -> pd.DataFrame:
    """The predicted label of each classifier and its probability, with the true label.

    Returns
    -------
    DataFrame
        classifier, key, truth (the label), predicted (the label with the highest probability; of equals, the first in
        the alphabet), probability (of the predicted label), and the manifest's columns; images whose label is missing
        or is none of ``labels`` are left out.
    """
    best = _most_probable(predictions[predictions["attribute"] == attribute]).rename(columns={"label": "predicted"})
    return _beside_truth(best[["classifier", "key", "predicted", "probability"]], images, attribute, labels)


def _most_probable(predictions: pd.DataFrame) -> pd.DataFrame:
    """The row of the most probable label of each image, attribute and classifier; of equals, the first as text."""
    best = predictions.sort_values(["probability", "label"], ascending=[False, True], kind="stable")
    return best.drop_duplicates(["key", "attribute", "classifier"])


def _beside_truth(predicted: pd.DataFrame, images: pd.DataFrame, attribute: str, labels: Sequence[str]) -> pd.DataFrame:
    """Predictions with the manifest's columns and the truth of the images that have one of the labels."""
    known = images[images[attribute].isin(list(labels))].assign(truth=lambda table: table[attribute])
    joined = predicted.merge(known, on="key", validate="many_to_one")
    return joined.sort_values(["classifier", "key"], ignore_index=True)
