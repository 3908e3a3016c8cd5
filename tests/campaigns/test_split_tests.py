"""A/Bテスト: who gets which variant, how the winner is chosen, and that the rest gets it exactly once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry
from bounces.resending import copy_content
from campaigns import domain_caps, reaper, split_tests, tally
from campaigns.approvals import digest_of
from campaigns.bodies import Edition, edition_of, whole_body_of
from campaigns.claims import claim_due
from campaigns.draft_parts import content_of
from campaigns.drafts import make_copy, save
from campaigns.freezing import freeze_recipients
from campaigns.lanes import lanes_with_work
from campaigns.models import (
    NEVER,
    UNDECIDED,
    Campaign,
    CampaignState,
    Delivery,
    DeliveryState,
    Lane,
    SplitTest,
    Variant,
    VariantFigure,
)
from campaigns.preflight.check import check
from campaigns.rendering import Renderer
from campaigns.scheduling import cancel, pause, resume
from campaigns.sendable import CampaignError
from campaigns.sending import send_lane
from campaigns.split_figures import Standing, as_stored, choose, is_clear
from campaigns.split_pages import read_split, result_words
from campaigns.tasks import take_split_test
from campaigns.variants import draw
from lists.models import Subscriber, Subscription
from tests.campaigns.meanwhile import meanwhile
from tests.campaigns.test_showing import asks, block, conditional_campaign
from tests.campaigns.turns import lane_of, relay_url
from tests.factories import make_campaign, make_deliveries, make_lane, make_list, make_user
from tracking.links import links_by_variant
from tracking.models import Hit, HitSource, TrackedLink

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
HTML = '<html><body><p>{{name}}さま</p><a href="https://shop.example/sale">セール</a></body></html>'


def make_test(people: int = 40, *, share: int = 50, rule: str = "opens", **fields) -> Campaign:
    """Make a starting mailing with two variants."""
    mailing_list = make_list()
    workspace = mailing_list.workspace
    found = Subscriber.objects.bulk_create(
        Subscriber(workspace=workspace, address=f"r{number}@example.jp", address_key=f"r{number}@example.jp")
        for number in range(people)
    )
    Subscription.objects.bulk_create(Subscription(mailing_list=mailing_list, subscriber=person) for person in found)
    campaign = make_campaign(mailing_list, **{"state": CampaignState.STARTING, "html": HTML} | fields)
    SplitTest.objects.create(campaign=campaign, share=share, rule=rule, hours=4)
    Variant.objects.create(
        campaign=campaign, number=1, subject="{{name|お客様}}へ、B案です", text=campaign.text, html=campaign.html
    )
    return campaign


def start(campaign: Campaign, now: datetime = NOW) -> Campaign:
    freeze_recipients(campaign.pk, now=now)
    return Campaign.objects.get(pk=campaign.pk)


def variants(campaign: Campaign) -> Counter[int]:
    return Counter(Delivery.objects.filter(campaign=campaign).values_list("variant", flat=True))


def accept(campaign: Campaign) -> None:
    """Let all that is due be accepted."""
    due = Delivery.objects.filter(campaign=campaign).exclude(due_at=NEVER)
    due.update(state=DeliveryState.SENT, fenced_at=NOW, mail_date=NOW, settled_at=NOW)


def react(campaign: Campaign, variant: int, number: int, *, what: int = 0, source: str = HitSource.HUMAN) -> None:
    """Let so many people of a variant open, or follow a link."""
    rows = Delivery.objects.filter(campaign=campaign, variant=variant, state=DeliveryState.SENT).order_by("pk")
    for pk in rows.values_list("pk", flat=True)[:number]:
        entry = f"{what}-{source}-{pk}"
        Hit.objects.create(
            entry=entry, mailing_id=campaign.pk, delivery=pk, number=what, at=NOW, source=source, is_settled=True
        )


def split_of(campaign: Campaign) -> SplitTest:
    return SplitTest.objects.get(campaign=campaign)


def step(campaign: Campaign, now: datetime) -> None:
    """Do what the tick would ask for."""
    for pk in split_tests.tests_to_hint(now=now):
        split_tests.go_on(pk, now=now)


LATER = NOW + timedelta(hours=4, minutes=1)


def test_lots_are_even_and_always_the_same():
    people = 60_000
    drawn = Counter(draw(7, person, share=30, variants=3) for person in range(people))
    assert set(drawn) == {0, 1, 2, UNDECIDED}
    # Five standard deviations of a binomial count.
    for variant in (0, 1, 2):
        assert abs(drawn[variant] - people * 0.1) < 5 * (people * 0.1 * 0.9) ** 0.5
    assert abs(drawn[UNDECIDED] - people * 0.7) < 5 * (people * 0.7 * 0.3) ** 0.5
    assert [draw(7, 1, share=100, variants=2) for _ in range(3)] == [draw(7, 1, share=100, variants=2)] * 3
    assert UNDECIDED not in {draw(7, person, share=100, variants=5) for person in range(1000)}
    # Another mailing draws anew.
    same = sum(
        draw(7, person, share=100, variants=2) == draw(8, person, share=100, variants=2) for person in range(4000)
    )
    assert abs(same - 2000) < 160


def test_the_rest_waits_and_nothing_claims_it():
    campaign = start(make_test(200))
    found = variants(campaign)
    assert found.total() == 200 == campaign.recipient_count
    assert set(found) == {0, 1, UNDECIDED}
    rest = Delivery.objects.filter(campaign=campaign, variant=UNDECIDED)
    assert set(rest.values_list("due_at", flat=True)) == {NEVER}
    lane = lane_of(campaign)
    claimed = claim_due(lane, now=NOW + timedelta(days=90), limit=500).deliveries
    assert len(claimed) == found[0] + found[1]
    assert {row.variant for row in claimed} == {0, 1}
    assert not lanes_with_work(now=NOW + timedelta(days=90)).exists()
    # Nor does it expire, or end.
    Campaign.objects.filter(pk=campaign.pk).update(lifetime_from=NOW - timedelta(days=90))
    accept(campaign)
    assert reaper.expire_deliveries(now=NOW + timedelta(days=90)) == 0
    assert reaper.finish_campaigns(now=NOW + timedelta(days=90)) == []


def test_the_winner_goes_to_the_rest_after_the_time():
    campaign = start(make_test(120))
    accept(campaign)
    react(campaign, 0, 3)
    react(campaign, 0, 9, source=HitSource.MACHINE)
    react(campaign, 1, 8)
    step(campaign, NOW + timedelta(hours=3))
    assert split_of(campaign).winner is None
    waiting = variants(campaign)[UNDECIDED]
    step(campaign, LATER)
    test = split_of(campaign)
    assert (test.winner, test.decided_at, test.decided_by, test.released_at) == (1, LATER, None, LATER)
    assert [own["opened"] for own in test.figures] == [3, 8]
    rest = Delivery.objects.filter(campaign=campaign, state=DeliveryState.PENDING)
    assert set(rest.values_list("variant", "due_at")) == {(1, LATER)}
    assert rest.count() == waiting
    # A second time changes nothing.
    step(campaign, LATER + timedelta(hours=1))
    assert split_of(campaign).decided_at == LATER
    # The lifetime of the rest begins with its first claim.
    [first, *_others] = claim_due(lane_of(campaign), now=LATER, limit=500).deliveries
    assert first.mail_date == LATER
    assert AuditEntry.objects.filter(action="campaign.split_decide").count() == 1


@pytest.mark.parametrize("opened", [0, 4])
def test_without_a_difference_the_mailing_itself_wins(opened):
    campaign = start(make_test(80, share=100))
    accept(campaign)
    equal = Delivery.objects.filter(campaign=campaign)
    # As many of both, whatever the lots were.
    keep = min(variants(campaign).values())
    for variant in (0, 1):
        surplus = list(equal.filter(variant=variant).order_by("pk").values_list("pk", flat=True)[keep:])
        equal.filter(pk__in=surplus).update(state=DeliveryState.FAILED)
        react(campaign, variant, opened)
    step(campaign, LATER)
    test = split_of(campaign)
    assert test.winner == 0
    assert "A案" in result_words(test)


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ([(0, 3), (0, 1)], "受け付けられたメールがなかったため、A案"),
        ([(0, 0), (0, 0)], "受け付けられたメールがなかったため、A案"),
        ([(9, 0), (0, 1)], "反応が1件も数えられなかったため、A案"),
        ([(3, 1), (9, 3)], "割合が同じだったため、A案"),
        ([(9, 0), (9, 1)], "開封した人の割合で自動で決めました"),
    ],
)
def test_why_it_was_decided_so_is_told_whatever_the_figures_were(figures, sentence):
    """An open counts also where the mail came back later, and is not among those that were accepted."""
    standings = [Standing(number, accepted=own[0], opened=own[1]) for number, own in enumerate(figures)]
    assert sentence in result_words(SplitTest(rule="opens", winner=0, figures=as_stored(standings)))


def test_a_decision_waits_while_nothing_could_be_sent():
    campaign = start(make_test())
    step(campaign, LATER)
    test = split_of(campaign)
    assert (test.winner, test.decide_at) == (None, LATER + split_tests.LATER)


def test_a_kill_between_two_chunks_loses_and_doubles_nobody(monkeypatch):
    """Whatever of the rest was moved stays so; the next run goes on."""
    campaign = start(make_test(100))
    accept(campaign)
    react(campaign, 1, 5)
    monkeypatch.setattr(split_tests, "CHUNK", 7)
    before = variants(campaign)
    [pk] = split_tests.tests_to_hint(now=LATER)
    test = SplitTest.objects.select_related("campaign__workspace").get(pk=pk)
    assert split_tests.decide_by_figures(test, now=LATER)
    # The process died after the decision and two chunks.
    test = split_of(campaign)
    for _chunk in range(2):
        assert split_tests.release_chunk(lane_of(campaign), test, LATER) == 7
    assert variants(campaign)[UNDECIDED] == before[UNDECIDED] - 14
    # Other figures change no decision.
    react(campaign, 0, 20)
    step(campaign, LATER + timedelta(minutes=1))
    step(campaign, LATER + timedelta(minutes=2))
    after = variants(campaign)
    assert after == Counter({0: before[0], 1: before[1] + before[UNDECIDED]})
    assert split_of(campaign).winner == 1
    assert Delivery.objects.filter(campaign=campaign, due_at=NEVER).count() == 0


def decide(campaign: Campaign) -> None:
    split_tests.decide_by_hand(campaign, 1, actor=make_user(campaign.workspace), now=LATER)


@pytest.mark.django_db(transaction=True)
def test_the_rest_is_found_in_a_lane_that_is_made_meanwhile(monkeypatch):
    """C23: a domain gets a cap, and its rows a lane of their own, while the rest is released."""
    monkeypatch.setattr(domain_caps, "CHUNK", 20)
    campaign = start(make_test(100, rule="hand"))
    accept(campaign)
    decide(campaign)
    actor = make_user(campaign.workspace)

    def cap_the_domain():
        domain_caps.add_cap(campaign.workspace, "example.jp", 30, actor=actor)
        return domain_caps.move_rows(now=timezone.now())

    with meanwhile(cap_the_domain, "BEGIN", "SKIP LOCKED") as done:
        step(campaign, LATER)
    assert done[0].result() == 20
    assert Lane.objects.filter(domain="example.jp").exists()
    assert UNDECIDED not in variants(campaign)
    assert not Delivery.objects.filter(campaign=campaign, due_at=NEVER).exists()
    assert split_of(campaign).released_at == LATER


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no single rows")
def test_rows_that_others_hold_are_released_by_the_next_tick():
    campaign = start(make_test(40, rule="hand"))
    decide(campaign)
    is_held, may_go = threading.Event(), threading.Event()

    def hold_one():
        with transaction.atomic():
            Delivery.objects.select_for_update().filter(variant=UNDECIDED).first()
            is_held.set()
            may_go.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(hold_one)
        assert is_held.wait(30)
        step(campaign, LATER)
        before = (variants(campaign)[UNDECIDED], split_of(campaign).released_at)
        may_go.set()
        held.result()
    assert before == (1, None)
    step(campaign, LATER)
    assert (variants(campaign)[UNDECIDED], split_of(campaign).released_at) == (0, LATER)


def test_the_last_ones_who_wait_are_read_from_the_index_of_due_rows():
    """Also where the statistics are of the time when all of them waited."""
    campaign = make_campaign(state=CampaignState.SENDING)
    lane = make_lane(campaign.workspace)
    make_deliveries(campaign, 3000, lane=lane, due_at=NEVER, variant=UNDECIDED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as asked:
        assert split_tests.is_anybody_waiting(campaign)
        assert split_tests.waiting_in(lane, campaign).values("pk").first()
    with connection.cursor() as cursor:
        for sql in [query["sql"] for query in asked]:
            cursor.execute(("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + sql)
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
            assert "delivery_due" in plan
            assert "Seq Scan on campaigns_delivery" not in plan


def test_a_person_chooses_and_only_once():
    campaign = start(make_test(rule="hand"))
    accept(campaign)
    user = make_user(campaign.workspace)
    step(campaign, LATER)
    assert split_of(campaign).winner is None
    split_tests.decide_by_hand(campaign, 1, actor=user, now=LATER)
    with pytest.raises(CampaignError, match="すでに"):
        split_tests.decide_by_hand(campaign, 0, actor=user, now=LATER)
    take_split_test(split_of(campaign).pk)
    assert UNDECIDED not in variants(campaign)
    assert (split_of(campaign).winner, split_of(campaign).decided_by) == (1, user)
    with pytest.raises(CampaignError, match="案がありません"):
        split_tests.decide_by_hand(campaign, 3, actor=user, now=LATER)


def test_managers_are_written_to_once_where_nobody_chooses():
    campaign = start(make_test(rule="hand"))
    make_user(campaign.workspace, email="boss@example.com")
    assert split_tests.tests_to_remind(now=LATER) == []
    late = LATER + split_tests.PATIENCE
    [pk] = split_tests.tests_to_remind(now=late)
    assert split_tests.remind(pk, now=late) == 1
    assert split_tests.remind(pk, now=late) == 0
    assert f"/campaigns/{campaign.pk}/" in mail.outbox[0].body


def test_a_pause_over_the_time_puts_the_decision_off():
    campaign = start(make_test())
    accept(campaign)
    user = make_user(campaign.workspace)
    pause(campaign, actor=user)
    step(campaign, LATER)
    campaign.refresh_from_db()
    with pytest.raises(CampaignError, match="再開"):
        split_tests.decide_by_hand(campaign, 0, actor=user, now=LATER)
    assert split_of(campaign).winner is None
    resume(campaign, actor=user, now=LATER)
    step(campaign, LATER)
    assert split_of(campaign).released_at == LATER


def test_a_cancelled_test_is_never_decided():
    campaign = start(make_test(60))
    accept(campaign)
    rest = variants(campaign)[UNDECIDED]
    assert cancel(campaign, actor=make_user(campaign.workspace), now=NOW) == rest
    step(campaign, LATER)
    assert split_of(campaign).winner is None
    assert Delivery.objects.filter(campaign=campaign, state=DeliveryState.CANCELLED).count() == rest
    assert read_split(Campaign.objects.get(pk=campaign.pk)).is_over


def test_measured_variants_share_the_numbers_of_links():
    campaign = make_test(20, share=100)
    other = HTML.replace(
        "</body>", '<a href="https://shop.example/new">新</a><a href="https://a.example/">a</a></body>'
    )
    Variant.objects.filter(campaign=campaign).update(html=other)
    campaign = start(campaign)
    targets = dict(TrackedLink.objects.filter(mailing=campaign.pk).values_list("number", "target"))
    assert targets == {1: "https://shop.example/sale", 2: "https://shop.example/new", 3: "https://a.example/"}
    assert links_by_variant(campaign.pk) == {0: 1, 1: 3}
    assert whole_body_of(campaign, 0).html.count("{{@}}") == 2
    assert whole_body_of(campaign, 1).html.count("{{@}}") == 4


def test_each_variant_is_rendered_as_the_plain_way_does():
    campaign = start(make_test(20, share=100))
    renderer = Renderer()
    subjects = {}
    for row in Delivery.objects.select_related("campaign__sender__domain").filter(campaign=campaign):
        assert renderer.render(row).data == renderer.render_plainly(row).data
        subjects[row.variant] = renderer.content_of(row).subject
        assert edition_of(row) == Edition(row.variant, 0)
    assert subjects == {0: "秋のお知らせ", 1: "お客様へ、B案です"}


def test_copies_digests_and_saves_know_the_variants():
    campaign = make_test(1)
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.DRAFT)
    campaign = Campaign.objects.get(pk=campaign.pk)
    digests = [digest_of(campaign)]
    SplitTest.objects.filter(campaign=campaign).update(share=30)
    digests.append(digest_of(campaign))
    Variant.objects.filter(campaign=campaign).update(subject="別の件名", preheader="B案の前置き")
    digests.append(digest_of(campaign))
    assert all(one != other for one, other in combinations(digests, 2))
    copy = make_copy(campaign, created_by=None)
    assert (copy.split_test.share, copy.split_test.winner, copy.variants.get().subject) == (30, None, "別の件名")
    # Each save of the mailing writes its variants anew, with their own words.
    user = make_user(campaign.workspace)
    content = content_of(campaign)
    save(campaign, content, revision=campaign.revision, actor=user, now=timezone.now())
    variant = campaign.variants.get()
    assert "B案の前置き" in variant.html
    assert "B案の前置き" not in Campaign.objects.get(pk=campaign.pk).html


def test_a_variant_with_blocks_of_its_own_shows_them_to_whom_they_are_for():
    campaign, other = conditional_campaign("金", "銀"), conditional_campaign()
    Campaign.objects.all().update(state=CampaignState.DRAFT)
    for found in (campaign, other):
        found.refresh_from_db()
    SplitTest.objects.create(campaign=campaign, share=100)
    blocks = {"v": 1, "blocks": [block(1, "B案です"), block(2, "銀の人だけ", asks("銀")), block(3, "銅", asks("銅"))]}
    body = replace(content_of(other), blocks=blocks).as_json()
    Variant.objects.create(campaign=campaign, number=1, subject="B案", body=body)
    save(campaign, content_of(campaign), revision=campaign.revision, actor=make_user(), now=NOW)
    campaign.state = CampaignState.STARTING
    campaign.save()
    start(campaign)
    # Each person as if his lot had been B.
    Delivery.objects.filter(campaign=campaign).update(variant=1)
    seen = {}
    for row in Delivery.objects.select_related("campaign__sender__domain").filter(campaign=campaign):
        seen[row.attributes["ランク"]] = Renderer().content_of(row).text
    assert "B案です" in seen["金"]
    assert "銀の人だけ" not in seen["金"]
    assert "銀の人だけ" in seen["銀"]
    assert "銅" not in seen["銀"]


def test_failures_get_the_winner_again():
    campaign, user = make_test(1), make_user()
    body = {"kind": "text", "blocks": {}, "source": "", "text": "B案の本文", "text_by_hand": True}
    Variant.objects.filter(campaign=campaign).update(body=body, text="B案の本文", html="")
    assert (copy_content(campaign, user).text, copy_content(campaign, user).subject) == (
        campaign.text,
        "【再送】秋のお知らせ",
    )
    SplitTest.objects.filter(campaign=campaign).update(winner=1, decided_at=NOW)
    again = copy_content(campaign, user)
    assert (again.text, again.draft.text, again.subject) == (
        "B案の本文",
        "B案の本文",
        "【再送】{{name|お客様}}へ、B案です",
    )


def test_every_variant_is_checked_before_the_start():
    campaign = make_test(1)
    campaign.state = CampaignState.DRAFT
    campaign.save()
    Variant.objects.filter(campaign=campaign).update(subject="{{なまえ}}様", html="")
    found = {finding.code: finding.sentence for finding in check(campaign, now=NOW).reds}
    assert found["tag_unknown_b"].startswith("B案: ")
    assert "B案" in found["split_no_html"]
    Variant.objects.all().delete()
    assert "split_alone" in {finding.code for finding in check(campaign, now=NOW).reds}


def test_the_figures_of_variants_are_counted_with_the_others():
    campaign = start(make_test(60))
    accept(campaign)
    react(campaign, 1, 4, what=1)
    tally.refresh(campaign, now=LATER)
    found = {row.variant: row for row in VariantFigure.objects.filter(campaign=campaign)}
    assert found[1].clicked == 4
    assert found[UNDECIDED].waiting == variants(campaign)[UNDECIDED]
    assert found[0].accepted + found[1].accepted + found[UNDECIDED].waiting == 60
    # Figures of people outlive their single hits.
    Hit.objects.all().delete()
    tally.refresh(campaign, now=NOW + timedelta(days=4000))
    assert VariantFigure.objects.get(campaign=campaign, variant=1).clicked == 4


def test_how_a_winner_is_chosen_and_how_sure_it_is():
    def rows(*numbers):
        return [Standing(place, accepted=accepted, opened=opened) for place, (accepted, opened) in enumerate(numbers)]

    assert choose(rows((100, 10), (50, 6)), "opens") == 1
    assert choose(rows((100, 10), (50, 5)), "opens") is None
    assert choose(rows((100, 0), (0, 0)), "opens") is None
    assert is_clear(rows((1000, 100), (1000, 200)), "opens") is True
    assert is_clear(rows((1000, 100), (1000, 110)), "opens") is False
    assert is_clear(rows((10, 1), (10, 9)), "opens") is None


@pytest.mark.django_db(transaction=True)
def test_everybody_gets_exactly_one_mail(smtp_sink, settings):
    """With the real engine: the test, the decision, the rest."""
    settings.RELAY_URL = relay_url(smtp_sink.port)
    campaign = start(make_test(60), now=timezone.now() - timedelta(minutes=5))
    lane = lane_of(campaign)
    send_lane(lane.pk)
    first = len(smtp_sink.messages)
    assert first == 60 - variants(campaign)[UNDECIDED]
    send_lane(lane.pk)
    assert len(smtp_sink.messages) == first
    split_tests.decide_by_hand(campaign, 1, actor=make_user(campaign.workspace), now=timezone.now())
    step(campaign, timezone.now())
    send_lane(lane.pk)
    addresses = sorted(message.rcpt_to[0] for message in smtp_sink.messages)
    assert addresses == sorted(f"r{number}@example.jp" for number in range(60))
    assert [found.pk for found in reaper.finish_campaigns(now=timezone.now())] == [campaign.pk]


def test_mail_that_came_back_after_it_was_opened_makes_no_share_above_all():
    odd = Standing(0, recipients=3, accepted=1, failed=2, opened=3, clicked=2)
    assert (odd.open_percent, odd.click_percent) == (100.0, 100.0)
    assert Standing(0).open_percent == 0.0
