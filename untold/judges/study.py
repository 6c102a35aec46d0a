"""All judges of a study: their shares, their self-checks, and which of them leads (docs/method.md section 7)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from untold.judges.judgement import Judgement
from untold.judges.self_check import ActivityShares, SelfCheck, best_judge, self_check
from untold.judges.shares import INVERSION, THESE, correction, intervals, shares
from untold.judges.stereotype import lean, ranks, stereotype
from untold.statistics.resampling import Resampling

COLUMNS = (
    "mae",
    "mae_high",
    "mae_blind",
    "bias",
    "coverage",
    "shift",
    "unexplained",
    "difference",
    "leads",
    "verdict",
    "note",
)


def share_tables(
    judgements: Mapping[str, Judgement],
    missing: Mapping[str, str],
    unexplained: Mapping[str, float],
    activities: Sequence[str],
    categories: Sequence[str],
    resampling: Resampling,
    margin: float,
) -> dict[str, pd.DataFrame]:
    """Tables of shares, lean, stereotype and ranks by every judge, and of the judges' self-checks.

    Parameters
    ----------
    judgements : mapping of str to Judgement
        By name of the judge and space that it reads: ``probe@dino``.
    missing : mapping of str to str
        Judges that say nothing, and why.
    unexplained : mapping of str to float
        Share of the neutral images that no group explains, of judges that can tell.
    activities, categories : sequence of str of length A
        The id and the category of each activity.
    resampling : Resampling
    margin : float
        Difference of an overall share from equal ones that is too small to matter.

    Returns
    -------
    dict of str to DataFrame
        ``shares``, ``lean``, ``stereotype``, ``share_ranks`` and ``self_check``, each with judge and space.
    """

    def corrected(judgement: Judgement) -> ActivityShares:
        inversion, hindrance = correction(judgement, INVERSION)
        each = np.eye(judgement.activities, dtype=bool) & (inversion.neutral.pictures > 0)
        return ActivityShares(*intervals(inversion, hindrance, each, THESE, resampling.confidence)[:3])

    tables: dict[str, list[pd.DataFrame]] = {"shares": [], "lean": [], "stereotype": [], "share_ranks": []}
    checks, estimates = {}, {}
    for name, judgement in judgements.items():
        # The last activities have no number if the judge says nothing about them.
        ids, kinds = activities[: judgement.activities], categories[: judgement.activities]
        tables["shares"].append(_labelled(name, shares(judgement, ids, kinds, resampling)))
        tables["lean"].append(_labelled(name, lean(judgement, INVERSION, resampling, margin=margin)))
        tables["stereotype"].append(_labelled(name, stereotype(judgement, INVERSION, resampling)))
        tables["share_ranks"].append(_labelled(name, ranks(judgement, ids, INVERSION, resampling)))
        checks[name] = self_check(judgement, corrected, seed=resampling.seed)
        estimates[name] = np.full((len(activities), len(judgement.groups)), np.nan)
        estimates[name][: judgement.activities] = corrected(judgement).estimate
    found = verdicts(checks, estimates, missing, unexplained)
    tables["self_check"] = [_labelled(name, found.loc[[name]]) for name in found.index]
    empty = pd.DataFrame(columns=["judge", "space"])
    return {name: pd.concat(frames, ignore_index=True) if frames else empty for name, frames in tables.items()}


def _labelled(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    judge, space = name.split("@")
    return frame.assign(judge=judge, space=space)


def verdicts(
    checks: Mapping[str, SelfCheck],
    estimates: Mapping[str, np.ndarray],
    missing: Mapping[str, str],
    unexplained: Mapping[str, float],
) -> pd.DataFrame:
    """One row per judge.

    Parameters
    ----------
    checks : mapping of judge to SelfCheck
    estimates : mapping of judge to ndarray of shape (A, G)
        Its shares of each activity.
    missing : mapping of judge to str
        Judges that say nothing, and why.
    unexplained : mapping of judge to float
        Share of the neutral images that no group explains, of judges that can tell.

    Returns
    -------
    DataFrame
        Indexed by judge: mae (mean absolute error of an activity's shares), mae_high (its upper limit), mae_blind
        (the error of equal shares), bias (of the group with the largest), coverage, shift (doubt about neutral images
        relative to marked ones), unexplained, difference (largest difference of an overall share from that of the
        leading judge; missing for that judge, and for all if none leads), leads, verdict, note (why it fails).
    """
    leader = best_judge(checks)
    leading = None if leader is None else estimates[leader]
    rows: dict[str, dict[str, object]] = {}
    for judge, check in checks.items():
        rows[judge] = {
            "mae": check.mae,
            "mae_high": check.upper,
            "mae_blind": check.mae_blind,
            "bias": np.nan if np.isnan(check.bias).all() else check.bias[np.nanargmax(np.abs(check.bias))],
            "coverage": check.coverage,
            "shift": check.shift,
            "unexplained": unexplained.get(judge, np.nan),
            "difference": np.nan if leading is None or judge == leader else _difference(estimates[judge], leading),
            "leads": judge == leader,
            "verdict": check.verdict,
            "note": check.note,
        }
    for judge, note in missing.items():
        rows[judge] = {"leads": False, "verdict": "fails", "note": note}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def _difference(shares: np.ndarray, others: np.ndarray) -> float:
    both = np.isfinite(shares).all(1) & np.isfinite(others).all(1)
    return float(np.abs((shares[both] - others[both]).mean(0)).max()) if both.any() else np.nan
