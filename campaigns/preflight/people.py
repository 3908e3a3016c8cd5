"""Checks whom a mailing goes to: values that they lack, what the lists did lately, how long it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q, Value
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _

from accounts.models import Workspace
from campaigns.bodies import unmarked_text
from campaigns.error_gate import count_rate, gate_of, limits_of
from campaigns.models import Campaign, CampaignState, DeliveryState
from campaigns.preflight.findings import Finding, green, yellow
from campaigns.preflight.span import span_words
from campaigns.routing import route_for
from campaigns.tag_formats import split_format
from campaigns.tag_words import FIXED_TAGS, TAG
from campaigns.tally import figures, percent
from lists.audience import Audience, audience_condition, people_of
from lists.conditions import SegmentRefused
from lists.segment_counts import Slice, count_slice, first_people
from lists.segment_sql import AttributeText
from mta.models import MailRoute, RouteKind
from mta.providers import PROVIDER_LABELS, policy_of, provider_of
from mta.routes import RELAY

# Seconds for counting who lacks a value, and for looking at a sample of the addresses.
COUNT: Final = 0.04
LOOK: Final = 0.03
SAMPLE: Final = 500
MOST_TAGS: Final = 5
# Mailings whose results say how the lists are.
RECENT: Final = timedelta(days=90)
TRIED_ENOUGH: Final = 50
# Per cent of the accepted mails that people report as unwanted; Gmail wants less (https://support.google.com/mail/answer/81126).
COMPLAINTS: Final = 0.1
COMPLAINTS_OVER: Final = 10
LONG: Final = timedelta(hours=6)


def check_people(campaign: Campaign, audience: Audience, counted: Slice | None, *, now: datetime) -> Iterator[Finding]:
    """Check an audience; `counted` is how many it has where a page counted them already."""
    if audience.is_empty:
        return
    try:
        condition = audience_condition(campaign.workspace, audience, now=now)
        yield from check_lacking(campaign, condition)
        yield from check_results(campaign, audience, now=now)
        counted = counted or count_slice(campaign.workspace, condition, Slice(), budget=COUNT)
        yield from check_duration(campaign, audience, counted, now=now)
    except SegmentRefused:
        # It is said of the audience itself.
        return


def tags_at_risk(campaign: Campaign) -> list[str]:
    """Return the merge tags that stand without a fallback and that a recipient may have no value for."""
    found = TAG.findall(f"{campaign.subject}\n{unmarked_text(campaign)}\n{campaign.html}")
    bare = dict.fromkeys(split_format(tag)[0] for tag, fallback in found if not fallback.strip())
    return [tag for tag in bare if may_lack(tag)]


def may_lack(tag: str) -> bool:
    """Say whether a recipient may have no value for a tag."""
    return tag == "name" or tag not in FIXED_TAGS


def count_lacking(workspace: Workspace, condition: Q, tag: str, *, budget: float) -> Slice:
    """Count those of an audience who have no value for a tag, for so many seconds."""
    lack = Q(name="") if tag == "name" else Q(Exact(AttributeText(tag), Value("")))
    return count_slice(workspace, condition & lack, Slice(), budget=budget)


def check_lacking(campaign: Campaign, condition: Q) -> Iterator[Finding]:
    """Count those who lack a value that nothing stands in for; as many as a moment allows."""
    tags = tags_at_risk(campaign)[:MOST_TAGS]
    for tag in tags:
        found = count_lacking(campaign.workspace, condition, tag, budget=COUNT / len(tags))
        if not found.active:
            continue
        sentence = _(
            "差し込み「%(tag)s」の値がない人が%(number)s人います。その人には空欄で届きます。"
            "「%(example)s」のように、代わりの言葉を入れてください。"
        )
        number = f"{found.active:,}" if found.is_complete else _("少なくとも%s") % f"{found.active:,}"
        example = "{{" + tag + "|" + _("お客様") + "}}"
        yield yellow("tag_lacking", sentence % {"tag": tag, "number": number, "example": example}, tag)


def check_results(campaign: Campaign, audience: Audience, *, now: datetime) -> Iterator[Finding]:
    """Tell of many errors in the newest mailing to the same lists, and of many complaints in the newest mailings."""
    over = Campaign.objects.for_workspace(campaign.workspace).filter(
        state__in=(CampaignState.DONE, CampaignState.CANCELLED), started_at__gte=now - RECENT
    )
    limit = limits_of(gate_of(campaign.workspace)).warn
    to_same = over.filter(mailing_lists__in=audience.lists).order_by("-pk").values_list("pk", flat=True)[:1]
    for newest in list(to_same):
        rate = count_rate(over.filter(pk=newest))
        if rate.tried >= TRIED_ENOUGH and rate.percent >= limit:
            yield yellow(
                "lists_error_rate",
                _(
                    "同じリストへの前回の配信で、%(percent).1f%%がエラーになりました。続けて送ると、届きにくくなります。"
                    "失敗の一覧でエラーの宛先を確かめてください。"
                )
                % {"percent": rate.percent},
            )
    counted = figures(list(over.order_by("-pk").values_list("pk", flat=True)[:COMPLAINTS_OVER]))
    complained = counted.number((DeliveryState.COMPLAINED,))
    share = percent(complained, counted.accepted + complained)
    if complained and share >= COMPLAINTS:
        yield yellow(
            "complaints",
            _(
                "最近の配信で、受け付けられたメールの%.2f%%が迷惑メールとして報告されました。0.1%%以上が続くと Gmail などが"
                "迷惑メールに入れます。配信の頻度と内容を見直してください。"
            )
            % share,
        )


def check_duration(campaign: Campaign, audience: Audience, counted: Slice, *, now: datetime) -> Iterator[Finding]:
    """Say how long the mailing takes at the paces of the installation, by the providers of a sample of its people."""
    people = people_of(campaign.workspace, audience, now=now).only("pk", "address_key")
    sample, _is_certain = first_people(people, campaign.workspace, SAMPLE, budget=LOOK)
    if not sample:
        return
    shares = Counter(provider_of(person.address_key) for person in sample)
    expected = {provider: counted.active * share / len(sample) for provider, share in shares.items()}
    slowest, minutes = longest(expected, route_for(campaign))
    if not minutes:
        return
    because = _("(%s 宛てに最も時間がかかります)") % PROVIDER_LABELS.get(slowest, slowest) if slowest else ""
    words = {"time": span_words(timedelta(minutes=minutes)), "because": because}
    if minutes >= LONG.total_seconds() / 60:
        yield yellow(
            "takes_long",
            _(
                "今の送信ペースでは、送り終えるまで%(time)sかかります%(because)s。届く時刻に幅が出ることに注意してください。"
            )
            % words,
        )
    else:
        yield green("duration", _("今の送信ペースでは、%(time)sで送り終える見込みです%(because)s。") % words)


def longest(expected: Mapping[str, float], route: str) -> tuple[str, float]:
    """Return the provider that takes longest, "" where the route itself does, and its minutes; 0 where nothing limits.

    `expected` is the number of mails for each provider.
    """
    row = next((found for found in MailRoute.objects.all() if found.key() == route), None)
    is_paced = settings.RELAY_PACED if row is None else row.is_paced or row.kind == RouteKind.DIRECT
    limit = (settings.RELAY_PER_MINUTE if route == RELAY else row.per_minute if row else None) or 0
    waits = [
        (number / pace, name) for name, number in expected.items() if is_paced and (pace := policy_of(name).per_minute)
    ]
    whole = [(sum(expected.values()) / limit, "")] if limit else []
    minutes, slowest = max([*waits, *whole], default=(0.0, ""))
    return slowest, minutes
