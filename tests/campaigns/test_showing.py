"""Blocks with a condition: who gets them is frozen with the recipients, and is what the page shows."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import drafts
from campaigns.bodies import Edition
from campaigns.claims import claim_due
from campaigns.draft_parts import Content
from campaigns.freezing import freeze_in_chunks, freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery, Lane
from campaigns.reactions import find_recipients, links_in
from campaigns.rendering import Renderer, preview
from campaigns.showing import shown_to
from designs.models import BodyKind
from lists.models import AttributeDefinition, Subscriber
from lists.people_states import raise_people
from tests.factories import make_campaign, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db


def asks(rank: str) -> dict[str, object]:
    return {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": rank}]}


def block(number: int, words: str, show: object = None) -> dict[str, object]:
    found: dict[str, object] = {"id": f"block{number}", "kind": "text", "data": {"html": f"<p>{words}</p>"}}
    return found if show is None else found | {"show": show}


BLOCKS = {
    "v": 1,
    "blocks": [
        block(1, "みなさまへ{{name}}"),
        block(2, "金の人だけ", asks("金")),
        block(3, "銀の人だけ", asks("銀")),
        block(4, "金の人だけもう一度", asks("金")),
    ],
}


def conditional_campaign(*ranks: str, blocks: object = None, **changes: object) -> Campaign:
    """Return a starting mailing of blocks to people of these ranks."""
    mailing_list = make_list()
    workspace = mailing_list.workspace
    AttributeDefinition.objects.get_or_create(workspace=workspace, name="ランク", defaults={"label": "ランク"})
    for rank in ranks:
        make_subscriber(mailing_list, attributes={"ランク": rank} if rank else {})
    campaign = make_campaign(mailing_list)
    written = {"v": 1, "blocks": blocks} if blocks else BLOCKS
    content = Content("題", "", BodyKind.BLOCKS, written, text_by_hand=False)
    assert drafts.save(campaign, content, revision=campaign.revision, actor=make_user(), now=timezone.now())
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.STARTING, started_at=timezone.now(), **changes)
    return Campaign.objects.get(pk=campaign.pk)


def bits(campaign: Campaign) -> list[int]:
    return list(Delivery.objects.filter(campaign=campaign).order_by("subscriber").values_list("shown", flat=True))


def test_each_recipient_gets_the_blocks_whose_condition_he_fulfils():
    campaign = conditional_campaign("金", "", "銀", "金")
    assert freeze_recipients(campaign.pk, now=timezone.now(), chunk=2)
    assert bits(campaign) == [1, 0, 2, 1]
    renderer = Renderer()
    for row in Delivery.objects.select_related("campaign__workspace", "campaign__sender__domain"):
        rank = row.attributes.get("ランク")
        content = renderer.content_of(row)
        for part in (content.text, content.html):
            assert "みなさまへ" in part
            assert part.count("金の人だけ") == (2 if rank == "金" else 0)
            assert ("銀の人だけ" in part) == (rank == "銀")
            assert "{{" not in part
            assert "<!--?" not in part
        # The page shows the same; only the links are a sample's.
        assert preview(campaign, row.subscriber).text.split("https://")[0] == content.text.split("https://")[0]
        assert shown_to(campaign, row.subscriber, now=timezone.now()) == row.shown
        # Whoever changes afterwards gets what was frozen.
        first = renderer.render(row)
        Subscriber.objects.filter(deliveries=row).update(attributes={"ランク": "銀"})
        row = Delivery.objects.select_related("campaign__workspace", "campaign__sender__domain").get(pk=row.pk)
        assert Renderer().render(row) == first


def test_a_claimed_row_is_sent_as_it_was_frozen():
    """What is claimed is no row of the ORM: the bits come along, also with links of ours in the body."""
    campaign = conditional_campaign("金", "", "銀")
    text = campaign.text.replace("だけ", "だけ https://shop.example/")
    Campaign.objects.filter(pk=campaign.pk).update(
        text=text, html=campaign.html.replace("だけ", '<a href="https://shop.example/">だけ</a>')
    )
    now = timezone.now()
    assert freeze_recipients(campaign.pk, now=now)
    renderer, sent = Renderer(), {}
    for lane in Lane.objects.filter(deliveries__campaign=campaign).distinct():
        for row in claim_due(lane, now=now + timedelta(hours=1), limit=10).deliveries:
            assert row.campaign.is_tracked
            content = renderer.content_of(row)
            assert ("/c/" in content.html) == (row.shown > 0)
            sent[row.attributes.get("ランク", "")] = [words in content.html for words in ("金の人", "銀の人")]
            assert replace(renderer.render(row), is_wire_ready=False) == Renderer().render_plainly(row)
    assert sent == {"金": [True, False], "": [False, False], "銀": [False, True]}


def test_people_who_change_in_mid_freeze_are_all_frozen_anew():
    campaign = conditional_campaign("金", "金", "金")
    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=1)
    # The state of the people is noted, then the first of them has a row.
    next(steps), next(steps)
    assert bits(campaign) == [1]
    Subscriber.objects.update(attributes={"ランク": "銀"})
    raise_people(campaign.workspace)
    for _seconds in steps:
        pass
    assert bits(campaign) == [2, 2, 2]
    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.SENDING


def test_a_worker_that_dies_between_chunks_leaves_the_others_bits_right():
    campaign = conditional_campaign("金", "銀", "", "銀")
    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=1)
    next(steps), next(steps)
    del steps
    # The other one goes on on the next day.
    assert freeze_recipients(campaign.pk, now=timezone.now() + timedelta(days=1), chunk=1)
    assert bits(campaign) == [1, 2, 0, 2]


def test_a_condition_that_cannot_be_asked_any_more_sends_the_mailing_back():
    campaign = conditional_campaign("")
    AttributeDefinition.objects.all().delete()
    assert not freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert (campaign.state, Delivery.objects.count()) == (CampaignState.DRAFT, 0)
    assert "ブロックを表示する条件「ランクが「金」」" in campaign.problem


def test_a_mailing_without_conditions_locks_no_people():
    campaign = conditional_campaign("金", conditions=[])
    assert freeze_recipients(campaign.pk, now=timezone.now())
    assert Campaign.objects.get(pk=campaign.pk).people_generation is None
    assert bits(campaign) == [0]


def test_the_links_of_each_ones_own_mail_are_known():
    """Whoever follows all links of a mail at once is a machine, also where others got more of them."""
    linked = [f'<a href="https://shop.example/{number}">店{number}</a>' for number in range(4)]
    blocks = [block(1, linked[0]), block(2, "".join(linked[1:]), asks("金")), block(3, "銀の人だけ", asks("銀"))]
    campaign = conditional_campaign("金", "銀", "", blocks=blocks)
    freeze_recipients(campaign.pk, now=timezone.now())
    links_in.cache_clear()
    rows = list(Delivery.objects.filter(campaign=campaign).order_by("subscriber").values_list("pk", flat=True))
    found = find_recipients(rows)
    assert [found[pk].links for pk in rows] == [4, 1, 1]
    plain = make_campaign(html="<a href='https://shop.example/'>店</a>")
    assert links_in(plain.pk, Edition()) is None
