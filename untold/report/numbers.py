"""Number formatting, with no more digits than the interval justifies."""

import math

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def decimals(half_width: float) -> int | None:
    """Decimal places justified by an uncertainty, following the Particle Data Group.

    If the three leading digits of the uncertainty are 100 to 354 it is given to two digits, if 355 to 949 to one, and
    if 950 to 999 it is rounded up to 1000 and given to two (Review of Particle Physics, Introduction, section 5.3).
    ``None`` if there is no uncertainty.
    """
    if not math.isfinite(half_width) or half_width <= 0:
        return None
    exponent = math.floor(math.log10(half_width))
    leading = round(half_width / 10**exponent * 100)
    return -exponent + 1 if leading < 355 else -exponent


def plain(value: float, places: int, signed: bool = False) -> str:
    """A number with the given decimal places (negative: rounded before the point) and a real minus sign."""
    value = round(value, places)
    text = f"{value:,.{max(places, 0)}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    if float(f"{value:.{max(places, 0)}f}") == 0:
        return text.lstrip("-")
    return text.replace("-", MINUS) if value < 0 else "+" * signed + text


def number(value: float, low: float = math.nan, high: float = math.nan, signed: bool = False) -> str:
    """An estimate rounded as its interval justifies, or to three significant digits if it has none."""
    if not math.isfinite(value):
        return NONE
    places = decimals((high - low) / 2)
    if places is None:
        places = 2 - math.floor(math.log10(abs(value))) if value else 0
        places = min(max(places, 0), 4)
    return plain(value, places, signed)


def measured(value: float, low: float, high: float, signed: bool = False, scale: float = 1, unit: str = "") -> str:
    """An estimate with its interval, such as ``0.021 (0.012 to 0.030)``, all rounded as the interval justifies."""
    if not math.isfinite(value):
        return NONE
    value, low, high = value * scale, low * scale, high * scale
    places = decimals((high - low) / 2)
    if places is None or not (math.isfinite(low) and math.isfinite(high)):
        return number(value, signed=signed) + unit
    ends = [plain(end, places, signed) for end in (low, high)]
    return f"{plain(value, places, signed)}{unit} ({ends[0]} to {ends[1]})"


def percent(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """A share in percent, such as ``62 % (50 to 73)``; rounded to whole percent if it has no interval."""
    unit = "\N{NARROW NO-BREAK SPACE}%"
    if math.isfinite(value) and decimals((high - low) / 2) is None:
        return plain(100 * value, 0) + unit
    return measured(value, low, high, scale=100, unit=unit)


def p_value(p: float) -> str:
    """A p-value with two decimals from 0.1 and three below; anything smaller than 0.001 is shown as ``< 0.001``."""
    if not math.isfinite(p):
        return NONE
    if p < 0.001:
        return "<\N{NARROW NO-BREAK SPACE}0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
