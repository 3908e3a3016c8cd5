"""What the check page says of an A/Bテスト that is not sent yet, and which variant it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.models import LETTERS, Campaign, Variant
from campaigns.variants import all_forms, split_test_of


@dataclass(frozen=True, slots=True)
class FormLine:
    """A variant as the page names it."""

    number: int
    letter: str
    subject: str


def chosen_variant(asked: Mapping[str, str], campaign: Campaign) -> int:
    """Return the number of the variant that a page asks for with `variant`; 0 for one that there is none of."""
    chosen = asked.get("variant", "")
    if len(chosen) != 1 or chosen not in "1234":
        return 0
    return int(chosen) if Variant.objects.filter(campaign=campaign, number=int(chosen)).exists() else 0


def split_context(campaign: Campaign, shown: int) -> dict[str, Any]:
    """Return what the page shows of the test of a draft."""
    test = split_test_of(campaign)
    lines = [FormLine(number, LETTERS[number], form.title) for number, form in all_forms(campaign)] if test else []
    return {"split_test": test, "split_forms": lines, "shown_variant": shown, "shown_letter": LETTERS[shown]}
