"""The variants of a mailing: as mailings to be shown and checked, who gets which, and how they are written."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from campaigns.draft_parts import Content, read_content, write_parts
from campaigns.models import UNDECIDED, Campaign, SplitTest, Variant

# Lots are drawn from so many, which is more than there can be people.
LOTS: Final = 2**64
VARIANT_COLUMNS: Final = ("number", "subject", "preheader", "text", "html", "body", "source_id", "taken_at")
TEST_COLUMNS: Final = ("share", "rule", "hours")


def split_test_of(campaign: Campaign) -> SplitTest | None:
    """Return the A/Bテスト of a mailing, where it has one."""
    return SplitTest.objects.filter(campaign=campaign).select_related("decided_by").first() if campaign.pk else None


def as_variant(campaign: Campaign, number: int) -> Campaign:
    """Return a mailing with the words of one of its variants, never to be saved; itself for 0 and for whoever waits.

    Raises Variant.DoesNotExist.
    """
    if number in (0, UNDECIDED):
        return campaign
    return dressed(campaign, Variant.objects.get(campaign=campaign, number=number))


def dressed(campaign: Campaign, variant: Variant) -> Campaign:
    """Return a mailing with the words of a variant of it, never to be saved."""
    shown = copy.copy(campaign)
    shown.subject, shown.preheader = variant.subject, variant.preheader
    shown.text, shown.html = variant.text, variant.html
    return shown


def all_forms(campaign: Campaign) -> Iterator[tuple[int, Campaign]]:
    """Yield the mailing and its variants with their numbers, as mailings that are never to be saved."""
    yield 0, campaign
    for variant in variants_of(campaign):
        yield variant.number, dressed(campaign, variant)


def variants_of(campaign: Campaign) -> list[Variant]:
    """Return the variants of a mailing beside itself, in their order."""
    return list(Variant.objects.filter(campaign=campaign).order_by("number")) if campaign.pk else []


def draw(campaign_id: int, person: int, *, share: int, variants: int) -> int:
    """Return the variant of a person, or UNDECIDED: the same at every call, spread evenly over all people.

    `share` is in per cent, `variants` how many there are with the mailing itself.
    """
    digest = blake2b(f"{campaign_id} {person}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") * 100 * variants // (share * LOTS)
    return place if place < variants else UNDECIDED


def draw_all(campaign: Campaign, people: Sequence[int]) -> Mapping[int, int]:
    """Return the variant of each of these people; nothing where the mailing has no test."""
    test = split_test_of(campaign)
    numbers = (0, *(variant.number for variant in variants_of(campaign))) if test else ()
    if test is None or len(numbers) < 2:
        return {}
    drawn = {pk: draw(campaign.pk, pk, share=test.share, variants=len(numbers)) for pk in people}
    return {pk: UNDECIDED if place == UNDECIDED else numbers[place] for pk, place in drawn.items()}


def write_variants(campaign: Campaign, content: Content) -> None:
    """Write the parts of each variant of a draft anew, which has this content; the caller has a transaction open."""
    shared = replace(content, conditions=campaign.conditions)
    for variant in variants_of(campaign):
        body = read_content(variant.body) if variant.body else shared
        own = replace(body, subject=variant.subject, preheader=variant.preheader)
        parts = write_parts(own, campaign.workspace, shared=tuple(campaign.conditions))
        variant.text, variant.html = parts.text, parts.html
        variant.save(update_fields=["text", "html"])
        # A number means the same condition in each of them, since that is what is frozen of a recipient.
        campaign.conditions = list(parts.conditions)
        campaign.save(update_fields=["conditions"])


def copy_test(source: Campaign, target: Campaign) -> None:
    """Give a draft the test that another mailing has, or had; the caller has a transaction open."""
    settings = SplitTest.objects.filter(campaign=source).values(*TEST_COLUMNS).first()
    if settings is None:
        return
    SplitTest.objects.update_or_create(campaign=target, defaults=settings)
    Variant.objects.filter(campaign=target).delete()
    rows = Variant.objects.filter(campaign=source).values(*VARIANT_COLUMNS)
    Variant.objects.bulk_create(Variant(campaign=target, **row) for row in rows)


def told_of_test(campaign: Campaign) -> dict[str, object]:
    """Return what is approved of a test; nothing where there is none."""
    settings = SplitTest.objects.filter(campaign=campaign).values(*TEST_COLUMNS).first()
    if settings is None:
        return {}
    forms = Variant.objects.filter(campaign=campaign).order_by("number")
    return {"split": [settings, list(forms.values("number", "subject", "preheader", "text", "html", "body"))]}
