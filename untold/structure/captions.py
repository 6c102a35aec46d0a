"""Word statistics of the captions in each cluster (docs/method.md section 10).

The word lists are short, English only and written for this project. They count words, not people.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from untold.structure.sampling import NOISE

LEXICON: Mapping[str, frozenset[str]] = {
    category: frozenset(listed.split())
    for category, listed in {
        "feminine": """
            she her hers herself woman women female females girl girls lady ladies mother mothers mom moms
            mum mommy daughter daughters sister sisters wife wives aunt grandmother grandmothers grandma
            granny
            niece bride queen princess actress waitress businesswoman girlfriend""",
        "masculine": """
            he him his himself man men male males boy boys gentleman gentlemen guy guys father fathers dad
            dads daddy son sons brother brothers husband husbands uncle grandfather grandfathers grandpa
            nephew groom
            king prince actor waiter businessman boyfriend""",
        "young": """
            young younger youngest youth youthful youngster baby babies infant infants toddler toddlers kid
            kids child children boy boys girl girls teen teens teenage teenager teenagers adolescent
            adolescents""",
        "middle-aged": "middle-aged midlife mature fortysomething fiftysomething",
        "old": """
            old older oldest elder elders elderly aged aging ageing senior seniors retired retiree retirees
            pensioner pensioners grandmother grandmothers grandfather grandfathers grandma grandpa granny
            grandparent grandparents wrinkled gray-haired grey-haired white-haired""",
        "happy": """
            happy happily happiness smile smiles smiling smiled joy joyful joyous laugh laughs laughing
            cheerful
            cheering delighted glad pleased proud excited enjoying enjoys loving playful celebrating""",
        "sad": """
            sad sadly sadness unhappy cry cries crying tears tearful lonely loneliness grief grieving
            depressed
            gloomy miserable mourning melancholy disappointed weary""",
        "angry or afraid": """
            angry anger furious shouting screaming yelling mad annoyed upset frowning afraid fear fearful
            scared
            frightened anxious worried nervous terrified stressed""",
        "calm": "calm calmly peaceful peacefully serene relaxed relaxing thoughtful pensive",
    }.items()
}
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("feminine", "masculine"), "gender"),
    **dict.fromkeys(("young", "middle-aged", "old"), "age"),
    **dict.fromkeys(("happy", "sad", "angry or afraid", "calm"), "emotion"),
}
ALL = "(all)"
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def words(caption: str) -> list[str]:
    """Split a caption into lower-case words.

    A hyphenated word such as ``middle-aged`` counts as one word. The possessive ``'s`` is removed.

    Examples
    --------
    >>> words("A middle-aged woman’s dog")
    ['a', 'middle-aged', 'woman', 'dog']
    """
    return WORD.findall(re.sub("['\u2019]s\\b", "", caption.casefold()))


def word_log_odds(
    captions: Sequence[str | None],
    clusters: np.ndarray,
    *,
    lexicon: Mapping[str, frozenset[str]] = LEXICON,
    prior_words: float = 500,
) -> pd.DataFrame:
    """Compute the log-odds of the lexicon's words in each cluster against all other images, with a Dirichlet prior.

    The prior consists of ``prior_words`` words distributed as in all captions, so that rare words do not stand out
    by chance. The words of a caption are treated as independent, so z is better read as a ranking than as a test.

    Parameters
    ----------
    captions : sequence of str or None, length n
        Images without a caption are excluded.
    clusters : ndarray of int, shape (n,)
    lexicon : mapping of category to words
        Each category is also counted as a whole, under the word ``(all)``.

    Returns
    -------
    DataFrame
        ``cluster, kind, category, word, count, words_n`` (total number of words in the cluster), ``rest_count,
        rest_n, log_odds`` (natural logarithm, positive if the word is more frequent in the cluster), ``z, p,
        p_adjusted`` (Benjamini-Hochberg over the whole table), ``note``. Words that occur in no caption are omitted.

    References
    ----------
    Monroe, Colaresi, Quinn (2008), Fightin' Words, for the informative Dirichlet prior.

    Examples
    --------
    >>> texts = ["a woman at home", "a woman with a dog", "a man at work", "a man on a bench"]
    >>> table = word_log_odds(texts, np.array([0, 0, 1, 1]), prior_words=10)
    >>> table.loc[table["word"] == "woman", ["cluster", "word", "count", "rest_count", "log_odds"]].round(3)
       cluster   word  count  rest_count  log_odds
    1        0  woman      2           0     1.148
    5        1  woman      0           2    -1.148
    """
    clusters = np.asarray(clusters)
    has = ~pd.isna(np.asarray(captions, dtype=object))
    note = f"{(~has).sum()} images without a caption left out" if not has.all() else ""
    counts: dict[int, Counter[str]] = {int(c): Counter() for c in np.unique(clusters)}
    for caption, cluster, known in zip(captions, clusters, has, strict=True):
        if known:
            counts[int(cluster)].update(words(str(caption)))
    corpus = sum(counts.values(), Counter())
    total = corpus.total()
    terms = [
        (category, word, members)
        for category, listed in lexicon.items()
        if (present := sorted(listed & corpus.keys()))
        for word, members in [(ALL, present), *((word, [word]) for word in present)]
    ]
    rows = []
    for cluster, counted in counts.items():
        here_n = counted.total()
        for category, word, members in terms:
            here, everywhere = sum(counted[m] for m in members), sum(corpus[m] for m in members)
            prior = prior_words * everywhere / total
            delta = z = np.nan
            if 0 < here_n < total and everywhere < total:
                delta, z = _log_odds(here, here_n, everywhere - here, total - here_n, prior, prior_words)
            rest = (everywhere - here, total - here_n)
            rows.append((cluster, KINDS.get(category, category), category, word, here, here_n, *rest, delta, z))
    columns = [
        "cluster",
        "kind",
        "category",
        "word",
        "count",
        "words_n",
        "rest_count",
        "rest_n",
        "log_odds",
        "z",
    ]
    table = pd.DataFrame(rows, columns=columns)
    table[["log_odds", "z"]] = table[["log_odds", "z"]].astype(float)
    table["p"] = 2 * stats.norm.sf(np.abs(table["z"]))
    tested = table["p"].notna().to_numpy()
    adjusted = np.full(len(table), np.nan)
    adjusted[tested] = stats.false_discovery_control(table["p"][tested]) if tested.any() else []
    table["p_adjusted"] = adjusted
    table["note"] = np.where(tested, note, "no captions here, or no other words anywhere, to compare")
    table.loc[table["cluster"] == NOISE, "note"] = (note + "; " if note else "") + "images in no cluster"
    return table


def _log_odds(here: int, here_n: int, there: int, there_n: int, prior: float, prior_n: float) -> tuple[float, float]:
    odds_here = (here + prior) / (here_n + prior_n - here - prior)
    odds_there = (there + prior) / (there_n + prior_n - there - prior)
    delta = float(np.log(odds_here) - np.log(odds_there))
    return delta, delta / float(np.sqrt(1 / (here + prior) + 1 / (there + prior)))
