"""How far apart a subscription's bills are, and on which day of the month."""

import calendar
from datetime import date, timedelta

DAYS = {"DAILY": 1, "WEEKLY": 7, "EVERY_TWO_WEEKS": 14, "THIRTY_DAYS": 30, "SIXTY_DAYS": 60, "NINETY_DAYS": 90}
MONTHS = {
    "MONTHLY": 1,
    "EVERY_TWO_MONTHS": 2,
    "QUARTERLY": 3,
    "EVERY_FOUR_MONTHS": 4,
    "EVERY_SIX_MONTHS": 6,
    "ANNUAL": 12,
    "EVERY_TWO_YEARS": 24,
}


def monthly(cadence: str) -> bool:
    return cadence in MONTHS


def following(day: date, cadence: str, anchor_day: int) -> date:
    """The first day of the next period; anchor_day (1 to 31) is kept where a month is long enough."""
    if cadence in DAYS:
        return day + timedelta(days=DAYS[cadence])
    months = day.year * 12 + day.month - 1 + MONTHS[cadence]
    year, month = divmod(months, 12)
    return date(year, month + 1, min(anchor_day, calendar.monthrange(year, month + 1)[1]))


def next_anchor(day: date, anchor_day: int) -> date:
    """The first day not before this one that has the anchor's number, or is the last of a shorter month."""
    last = calendar.monthrange(day.year, day.month)[1]
    this_month = date(day.year, day.month, min(anchor_day, last))
    return this_month if this_month >= day else following(this_month, "MONTHLY", anchor_day)
