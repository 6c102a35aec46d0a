"""The self-checks of all judges of a study in one table, with the judge that leads (docs/method.md section 7)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from untold.judges.self_check import SelfCheck, best_judge

COLUMNS = ("mae", "mae_high", "mae_blind", "bias", "coverage", "shift", "difference", "leads", "verdict", "note")


def verdicts(checks: Mapping[str, SelfCheck], estimates: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row per judge.

    Parameters
    ----------
    checks : mapping of judge to SelfCheck
    estimates : mapping of judge to ndarray of shape (A, G)
        Its shares of each activity.

    Returns
    -------
    DataFrame
        Indexed by judge: mae (mean absolute error of an activity's shares), mae_high (its upper limit), mae_blind
        (the error of equal shares), bias (of the group with the largest), coverage, shift (doubt about neutral images
        relative to marked ones), difference (largest difference of an overall share from that of the leading judge;
        missing for that judge, and for all if none leads), leads, verdict, note (why it fails).
    """
    leader = best_judge(checks)
    rows = {}
    for judge, check in checks.items():
        largest = np.nan if np.isnan(check.bias).all() else check.bias[np.nanargmax(np.abs(check.bias))]
        other = leader is not None and judge != leader
        rows[judge] = {
            "mae": check.mae,
            "mae_high": check.upper,
            "mae_blind": check.mae_blind,
            "bias": largest,
            "coverage": check.coverage,
            "shift": check.shift,
            "difference": _difference(estimates[judge], estimates[leader]) if other else np.nan,
            "leads": judge == leader,
            "verdict": check.verdict,
            "note": check.note,
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def _difference(shares: np.ndarray, others: np.ndarray) -> float:
    both = np.isfinite(shares).all(1) & np.isfinite(others).all(1)
    return float(np.abs((shares[both] - others[both]).mean(0)).max()) if both.any() else np.nan
