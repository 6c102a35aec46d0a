"""Zero-shot classification by prompt similarity."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from untold.data.vectors import unit


def zero_shot(images: np.ndarray, prompts: Mapping[str, np.ndarray], *, logit_scale: float) -> pd.DataFrame:
    """Probability of each label: softmax over scaled cosines with the mean direction of its prompts.

    Parameters
    ----------
    images : ndarray of shape (n, d)
        CLIP image embeddings, of any length.
    prompts : mapping of label to ndarray of shape (m, d)
        CLIP text embeddings of one keyword or of an ensemble of prompts (Radford et al. 2021, section 3.1.4).
    logit_scale : float
        The model's scale factor itself, not its logarithm; 100 for OpenAI's weights.

    Returns
    -------
    DataFrame of shape (n, labels)
        Rows sum to 1.

    Examples
    --------
    >>> prompts = {"young": np.float32([[1, 0]]), "older": np.float32([[0, 1]])}
    >>> zero_shot(np.float32([[0.52, 0.50], [0.30, 0.35]]), prompts, logit_scale=100).round(2)
       young  older
    0   0.94   0.06
    1   0.00   1.00
    """
    directions = unit(np.stack([unit(np.atleast_2d(vectors)).mean(axis=0) for vectors in prompts.values()]))
    logits = logit_scale * (unit(images) @ directions.T).astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return pd.DataFrame(odds / odds.sum(axis=1, keepdims=True), columns=list(prompts))
