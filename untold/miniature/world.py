"""The miniature world: scenes of people and objects, their captions, and the bias planted in them.

A scene has 64 x 64 pixels and shows a person at the upper left and the object of an activity at the lower right, on a
pale background (docs/miniature.md). Everything except ``draw_sprites`` uses the committed sprite sheet, so the Noto
Color Emoji font is needed only to change the artwork.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

AGES = ("young", "middle", "older")
GENDERS = ("person", "woman", "man")
TONES = ("yellow", "light", "medium-light", "medium", "medium-dark", "dark")
FACES = (("🧒", "👧", "👦"), ("🧑", "👩", "👨"), ("🧓", "👵", "👴"))
MODIFIERS = ("", "\U0001f3fb", "\U0001f3fc", "\U0001f3fd", "\U0001f3fe", "\U0001f3ff")

SIZE = 64
CELL = 36
SHIFT = 2
PERSON_AT = (3, 3)
OBJECT_AT = (26, 26)
# Children are smaller; at equal size, a boy and a man would differ only in the roundness of the chin.
FACE_PIXELS = {"young": 30, "middle": 36, "older": 36}
OBJECT_PIXELS = 31
SHEET_COLUMNS = 18

# Ages that captions may state for each group. The age grid of docs/method.md section 1 uses the same bins.
YEARS = {"young": (18, 35), "middle": (35, 60), "older": (60, 86)}
STUDY_WORDS = {
    "young": "25 years-old young",
    "middle": "45 year-old middle-aged",
    "older": "75 years-old older",
}
AGE_WORDS = {
    "young": ("young", "young", "young", "youthful"),
    "middle": ("middle-aged",),
    "older": ("older", "older", "older", "old", "elderly"),
}
AGE_NOUNS = {"young": ("child", "kid"), "middle": ("adult",), "older": ("senior",)}
PLACEBO_WORDS = ("{} miles-away nearby", "{} miles-away", "nearby", "{} miles-away distant")
STUDY_PREFIX = "An ultra realistic portrait photo of"
PREFIXES = ("A photo of", "A picture of", "A portrait of", "A realistic photo of", "")


@dataclass(frozen=True)
class World:
    """The truth of the miniature world.

    Parameters
    ----------
    activities : DataFrame
        ``world.csv``: id, activity, emoji and the planted shares of young, middle and older.
    shares : dict
        ``world.json``: planted shares of gender and tone, and those of the labelled faces.
    sprites : ndarray of shape (54 + n_activities, CELL, CELL, 4), uint8
        RGBA artwork: faces in the order age, gender, tone; then one object per activity.
    """

    activities: pd.DataFrame
    shares: dict
    sprites: np.ndarray

    @property
    def age_shares(self) -> np.ndarray:
        """Planted age shares, shape (n_activities, 3); each row sums to 1."""
        return self.activities[list(AGES)].to_numpy(float)


@dataclass(frozen=True)
class Scenes:
    """Attributes of n scenes as integer codes into AGES, GENDERS, TONES and the rows of ``world.csv``.

    ``shift`` has shape (n, 4): x and y of the person and of the object, in pixels within +-SHIFT.
    ``background`` has shape (n, 3), uint8.
    """

    activity: np.ndarray
    age: np.ndarray
    gender: np.ndarray
    tone: np.ndarray
    shift: np.ndarray
    background: np.ndarray

    def __len__(self) -> int:
        return len(self.activity)

    @property
    def face(self) -> np.ndarray:
        """Index of the face sprite, shape (n,)."""
        return (self.age * len(GENDERS) + self.gender) * len(TONES) + self.tone


def read_world(folder: Path) -> World:
    """Read the world of ``resources/miniature``.

    Raises
    ------
    ValueError
        If planted shares do not sum to 1 or the sprite sheet does not hold one cell per face and activity.
    """
    activities = pd.read_csv(folder / "world.csv")
    wrong = activities.loc[(activities[list(AGES)].sum(axis=1) - 1).abs() > 1e-9, "id"].tolist()
    if wrong:
        raise ValueError(f"{folder / 'world.csv'}: the shares young, middle, older must sum to 1 for {wrong}")
    shares = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    return World(activities, shares, read_sprites(folder / "sprites.png", 54 + len(activities)))


def read_sprites(path: Path, count: int) -> np.ndarray:
    """Read ``count`` RGBA cells, shape (count, CELL, CELL, 4), from the sprite sheet."""
    sheet = np.asarray(Image.open(path).convert("RGBA"))
    rows, columns = sheet.shape[0] // CELL, sheet.shape[1] // CELL
    if rows * columns < count:
        raise ValueError(f"{path}: {rows * columns} cells, {count} needed; remake it with rule draw_sprites")
    cells = sheet.reshape(rows, CELL, columns, CELL, 4).swapaxes(1, 2).reshape(-1, CELL, CELL, 4)
    return cells[:count]


def draw_sprites(font: Path, emoji: list[str]) -> Image.Image:
    """Draw the sprite sheet (faces, then objects) with the Noto Color Emoji font."""
    face = ImageFont.truetype(str(font), 109)  # the only size of this bitmap font

    def sprite(character: str, pixels: int) -> Image.Image:
        large = Image.new("RGBA", (160, 160))
        ImageDraw.Draw(large).text((0, 0), character, font=face, embedded_color=True)
        large = large.crop(large.getbbox())
        scale = pixels / max(large.size)
        width, height = (max(1, round(side * scale)) for side in large.size)
        small = large.resize((width, height), Image.Resampling.LANCZOS)
        cell = Image.new("RGBA", (CELL, CELL))
        cell.paste(small, ((CELL - width) // 2, (CELL - height) // 2))
        return cell

    cells = [
        sprite(FACES[age][gender] + modifier, FACE_PIXELS[AGES[age]])
        for age in range(3)
        for gender in range(3)
        for modifier in MODIFIERS
    ]
    cells += [sprite(character, OBJECT_PIXELS) for character in emoji]
    rows = -(-len(cells) // SHEET_COLUMNS)
    sheet = Image.new("RGBA", (SHEET_COLUMNS * CELL, rows * CELL))
    for index, cell in enumerate(cells):
        sheet.paste(cell, (index % SHEET_COLUMNS * CELL, index // SHEET_COLUMNS * CELL))
    return sheet


def vary(
    rng: np.random.Generator, activity: np.ndarray, age: np.ndarray, gender: np.ndarray, tone: np.ndarray
) -> Scenes:
    """Create scenes with the given attributes, each with random small shifts and a random pale background."""
    n = len(activity)
    background = rng.integers(228, 246, (n, 1)) + rng.integers(-6, 7, (n, 3))
    shift = rng.integers(-SHIFT, SHIFT + 1, (n, 4))
    return Scenes(activity, age, gender, tone, shift, background.astype(np.uint8))


def sample_scenes(world: World, rng: np.random.Generator, n: int) -> Scenes:
    """Draw scenes with uniformly distributed attributes, so that every face meets every activity."""
    return vary(
        rng,
        rng.integers(0, len(world.activities), n),
        rng.integers(0, len(AGES), n),
        rng.integers(0, len(GENDERS), n),
        rng.integers(0, len(TONES), n),
    )


def draw(world: World, scenes: Scenes) -> np.ndarray:
    """Render scenes as pixels, shape (n, SIZE, SIZE, 3), uint8; the object is drawn over the person."""
    canvas = np.empty((len(scenes), SIZE, SIZE, 3), np.float32)
    canvas[:] = scenes.background[:, None, None]
    colour = world.sprites[..., :3].astype(np.float32)
    alpha = world.sprites[..., 3:].astype(np.float32) / 255
    sprites = np.stack([scenes.face, 54 + scenes.activity], axis=1)
    corners = np.concatenate([scenes.shift[:, :2] + PERSON_AT, scenes.shift[:, 2:] + OBJECT_AT], axis=1)
    for image, (person, thing), (px, py, ox, oy) in zip(canvas, sprites, corners, strict=True):
        for index, x, y in ((person, px, py), (thing, ox, oy)):
            # The empty margin of a cell may extend beyond the picture, but its artwork never does.
            height, width = min(CELL, SIZE - y), min(CELL, SIZE - x)
            patch = image[y : y + height, x : x + width]
            opacity = alpha[index, :height, :width]
            patch += opacity * (colour[index, :height, :width] - patch)
    return np.rint(canvas).astype(np.uint8)


def _article(phrase: str) -> str:
    vowel = phrase[0] in "aeiou" or phrase.split()[0] in ("8", "11", "18") or phrase.startswith("8")
    return f"{'an' if vowel else 'a'} {phrase}"


def caption(
    rng: np.random.Generator,
    activity: str | None,
    age: str | None = None,
    gender: str | None = None,
    tone: str | None = None,
) -> str:
    """Compose a caption that states exactly the given attributes; those that are None are not mentioned.

    About half of the captions follow the templates of docs/method.md section 1 word for word. The others vary the
    opening, state the age by number, by word or by both (the age grid), or contain a placebo modifier.

    Parameters
    ----------
    activity : str or None
        The activity's phrase, such as ``playing guitar``.
    age, gender, tone : str or None
        Members of AGES, of ("woman", "man") and of TONES.
    """
    noun = "person"
    words = ""
    if gender is not None:
        noun = str(rng.choice([gender, gender, {"woman": "female", "man": "male"}[gender] + " person"]))
    if age is not None:
        years = int(rng.integers(*YEARS[age]))
        word = str(rng.choice(AGE_WORDS[age]))
        kind = rng.random()
        if kind < 0.5:
            words = STUDY_WORDS[age]
        elif kind < 0.65:
            words = f"{years} years-old"
        elif kind < 0.85:
            words = word
        else:
            words = f"{years} {rng.choice(['years-old', 'year-old'])} {word}"
        if gender is None and rng.random() < 0.06:
            words, noun = "", str(rng.choice(AGE_NOUNS[age]))
        if gender is not None and age == "young" and rng.random() < 0.5:
            noun = {"woman": "girl", "man": "boy"}[gender]
            words = words if rng.random() < 0.6 else ""
    elif rng.random() < 0.12:
        words = str(rng.choice(PLACEBO_WORDS)).format(int(rng.integers(15, 86)))
    phrase = _article(f"{words} {noun}".strip())
    if tone is not None:
        phrase += f" with {tone} skin"
    if rng.random() < 0.04 and gender is not None and tone is None:
        phrase = noun.split()[0]  # bare keywords: man, female, boy
    prefix = STUDY_PREFIX if rng.random() < 0.65 else str(rng.choice(PREFIXES))
    return " ".join(part for part in (prefix, phrase, activity) if part)


def sample_pairs(
    world: World, rng: np.random.Generator, n: int, gendered: float = 0.35, one_activity: bool = False
) -> tuple[Scenes, list[str]]:
    """Draw scenes and captions with the planted bias, as the miniature models are trained on them.

    Attributes that a caption does not state are drawn from the planted shares (those of its activity for the age).
    Stated attributes are drawn uniformly, so that captions mention an older skater as often as a young one. The share
    ``gendered`` of captions states the gender. With ``one_activity``, all scenes have the same activity, so that only
    the person distinguishes them.
    """
    activity = rng.integers(0, len(world.activities), 1 if one_activity else n).repeat(n if one_activity else 1)
    says_activity, says_age = rng.random(n) < 0.93, rng.random(n) < 0.5
    says_gender, says_tone = rng.random(n) < gendered, rng.random(n) < 0.25
    planted = (world.age_shares[activity].cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=2)
    age = np.where(says_age, rng.integers(0, 3, n), planted)
    gender_shares = [world.shares["gender"][name] for name in GENDERS]
    gender = np.where(says_gender, rng.integers(1, 3, n), rng.choice(3, n, p=gender_shares))
    tone_shares = [world.shares["tone"][name] for name in TONES]
    tone = np.where(says_tone, rng.integers(0, 6, n), rng.choice(6, n, p=tone_shares))
    scenes = vary(rng, activity, age, gender, tone)
    phrases = world.activities["activity"].tolist()
    captions = [
        caption(
            rng,
            phrases[activity[i]] if says_activity[i] else None,
            AGES[age[i]] if says_age[i] else None,
            GENDERS[gender[i]] if says_gender[i] else None,
            TONES[tone[i]] if says_tone[i] else None,
        )
        for i in range(n)
    ]
    return scenes, captions


def vocabulary(world: World) -> list[str]:
    """Return every word that a caption can contain, in lower case and without numbers."""
    texts = [STUDY_PREFIX, *PREFIXES, *STUDY_WORDS.values(), *PLACEBO_WORDS, *TONES, *GENDERS]
    texts += [word for group in (AGE_WORDS, AGE_NOUNS) for words in group.values() for word in words]
    texts += ["a an years year with skin female male girl boy the someone", *world.activities["activity"]]
    words = {word for text in texts for word in re.findall("[a-z]+", text.lower())}
    return sorted(words)
