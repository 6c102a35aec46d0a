"""Age bands."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

AGE_BANDS = (0, 10, 20, 30, 40, 50, 60, 70)


# --- By group ---------------------------------------------------------------------------------------------


def age_band(ages: ArrayLike, starts: Sequence[int] = AGE_BANDS) -> pd.Series:
    """Convert ages in years to bands such as ``20-29``, with ``70+`` as the last; missing ages stay missing.

    Sorted as text, the names are in the order of age.
    """
    years = pd.to_numeric(pd.Series(ages), errors="coerce")
    names = [f"{a:02d}-{b - 1:02d}" for a, b in pairwise(starts)] + [f"{starts[-1]}+"]
    return pd.cut(years, [*starts, np.inf], right=False, labels=names).astype(object)
