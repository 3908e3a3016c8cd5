"""What everybody can read of a list's mailings."""

from datetime import UTC, datetime, timedelta
from html import unescape
from importlib import import_module
from xml.etree import ElementTree

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from archive.models import Choice
from campaigns.freezing import freeze_recipients
from campaigns.models import AudiencePart, Campaign, Part, SplitTest, Variant
from lists.list_deletion import delete_list
from lists.models import Segment
from lists.segment_editing import delete_segment
from tests.archive.making import make_archive, make_many_sent, make_sent
from tests.factories import make_list, make_subscriber, make_user, make_workspace
from tests.signup.making import make_form

pytestmark = pytest.mark.django_db
HTML = (
    '<html><head></head><body class="a>b"><p>{{name}}様 {{会員番号}}</p><!--?1--><p>優良会員へ</p><!--/1-->'
    '<a href="https://shop.example/?a=1">店へ</a><a href="{{unsubscribe_url}}">停止</a>'
    '<a href="{{preferences_url}}">設定</a><a href="{{web_url}}">見る</a></body></html>'
)


def read(path: str, **headers: str) -> str:
    answer = Client().get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def path_of(archive, campaign=None):
    if campaign is None:
        return reverse("archive_index", args=[archive.token])
    return reverse("archive_mailing", args=[archive.token, campaign.pk])


def test_index_lists_what_was_sent_newest_first():
    archive = make_archive(description="月に2回\nお送りします。")
    for subject, hours in (("第1号", 3), ("第2号", 2), ("{{name|みなさま}}へ第3号", 1)):
        make_sent(archive, ago=timedelta(hours=hours), subject=subject)
    page = read(path_of(archive))
    assert page.index("みなさまへ第3号") < page.index("第2号") < page.index("第1号")
    assert "月に2回<br>お送りします。" in page
    assert (
        f'type="application/rss+xml" title="みほん商店だより" href="http://testserver/b/{archive.token}/rss.xml"'
        in page
    )
    # Who publishes stands under it.
    assert "みほん商店株式会社" in page


def test_days_are_those_of_the_workspaces_clock():
    archive = make_archive(
        make_list(make_workspace(time_zone="America/New_York")), adds_since=datetime(2026, 1, 1, tzinfo=UTC)
    )
    make_sent(archive, started_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    assert "2026年3月1日" in read(path_of(archive))
    archive.language = "en"
    archive.save()
    page = read(path_of(archive))
    assert "March 1, 2026" in page
    assert '<html lang="en"' in page


def test_html_is_nobodys_mail_under_a_policy_of_its_own():
    archive = make_archive(mailing_list=make_list())
    form = make_form(archive.mailing_list.workspace, mailing_lists=[archive.mailing_list])
    archive.form = form
    archive.save()
    campaign = make_sent(archive, html=HTML, conditions=[{"v": 1, "all": []}], is_tracked=True)
    Choice.objects.create(archive=archive, campaign=campaign, is_shown=True)
    answer = Client().get(path_of(archive, campaign))
    page = answer.content.decode()
    assert '<body class="a>b"><title>秋のお知らせ | みほん商店だより</title><nav ' in page
    assert "<p>お客様 </p>" in page
    assert "優良会員" not in page
    assert 'href="https://shop.example/?a=1"' in page
    assert page.count(f'href="http://testserver/b/{archive.token}/links/"') == 2
    assert f'href="http://testserver{path_of(archive, campaign)}"' in page
    assert f'href="http://testserver/f/{form.token}/"' in page
    assert not [place for place in ("/u/", "/m/", "/w/", "/c/", "/o/", "{{", "<!--?") if place in page]
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "script" not in answer["Content-Security-Policy"]
    assert answer["X-Robots-Tag"] == "noindex"


def test_text_is_shown_as_text():
    archive = make_archive(language="en")
    campaign = make_sent(
        archive, subject="Hello {{name}}", text="Dear {{name}},\n<b>{{name|friend}}</b>\nhttps://shop.example/"
    )
    page = read(path_of(archive, campaign))
    assert "<h1>Hello reader</h1>" in page
    assert "Dear reader,\n&lt;b&gt;friend&lt;/b&gt;" in page
    assert '<a href="https://shop.example/" rel="nofollow">' in page
    assert "All past emails" in page


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{{name}} 様", "お客様"),
        ("{{ name | }}さん", "お客様"),
        ("{{name|お客様}} 様", "お客様"),
        ("{{name|会員}}様", "会員様"),
        ("{{name}}、こんにちは", "お客様、こんにちは"),
        ("{{会社名|御社}}様", "御社様"),
    ],
)
def test_nobody_is_greeted_by_one_title_of_courtesy(written, shown):
    archive = make_archive()
    campaign = make_sent(archive, subject=written, text=f"{written}。")
    page = read(path_of(archive, campaign))
    assert f"<h1>{shown}</h1>" in page
    assert f"{shown}。" in page


def test_the_winner_of_an_ab_test_is_what_is_read():
    archive = make_archive()
    campaigns = [make_sent(archive, subject=f"A案{at}") for at in range(3)]
    for campaign, winner in zip(campaigns, (1, 0, None), strict=True):
        Variant.objects.create(campaign=campaign, number=1, subject="B案", text="B案の本文です。")
        decided = timezone.now() if winner is not None else None
        SplitTest.objects.create(campaign=campaign, rule="hand", winner=winner, decided_at=decided)
    texts = [read(path_of(archive, campaign)) for campaign in campaigns]
    assert ["B案の本文です。" in text for text in texts] == [True, False, False]
    page = read(path_of(archive))
    assert [word in page for word in ("A案0", "A案1", "A案2", "B案")] == [False, True, True, True]


def test_only_what_was_meant_for_everybody_is_shown_of_itself():
    archive = make_archive()
    shown = make_sent(archive)
    before = make_sent(archive, ago=timedelta(days=2))
    running = make_sent(archive, state="sending")
    cancelled = make_sent(archive, state="cancelled")
    elsewhere = make_sent(make_archive(make_list(archive.mailing_list.workspace)))
    conditional = make_sent(archive, conditions=[{"v": 1, "all": []}])
    narrowed = make_sent(archive, is_narrowed=True)
    others = [before, running, cancelled, elsewhere, conditional, narrowed]
    assert read(path_of(archive)).count("<li><time") == 1
    assert [Client().get(path_of(archive, one)).status_code for one in (shown, *others)] == [200, *[404] * 6]
    for one in others:
        Choice.objects.create(archive=archive, campaign=one, is_shown=True)
    # A person's word lets in what ended, and nothing else.
    answers = [Client().get(path_of(archive, one)).status_code for one in others]
    assert answers == [200, 404, 404, 404, 200, 200]
    Choice.objects.create(archive=archive, campaign=shown, is_shown=False)
    assert Client().get(path_of(archive, shown)).status_code == 404


@pytest.mark.parametrize("part", Part)
def test_what_waited_is_not_published_when_its_segment_or_list_is_deleted(part):
    archive = make_archive()
    workspace = archive.mailing_list.workspace
    make_subscriber(archive.mailing_list)
    gold = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}
    segment = Segment.objects.create(workspace=workspace, name="金の人", conditions=gold)
    other = make_list(workspace)
    named = {"mailing_list": other} if part == Part.EXCLUDE_LIST else {"segment": segment}
    campaign = make_sent(archive, state="starting")
    campaign.audience_parts.create(part=part, **named)
    assert freeze_recipients(campaign.pk, now=timezone.now())
    Campaign.objects.filter(pk=campaign.pk).update(state="done")
    assert Client().get(path_of(archive, campaign)).status_code == 404
    delete_segment(segment, actor=make_user(workspace))
    delete_list(other, actor=make_user(workspace), now=timezone.now())
    assert not AudiencePart.objects.exists()
    assert Client().get(path_of(archive, campaign)).status_code == 404


def test_mailings_of_before_are_marked_by_what_is_known_of_them():
    archive = make_archive()
    plain, parted, segmented = (make_sent(archive) for _ in range(3))
    parted.audience_parts.create(part="not_list", mailing_list=make_list(archive.mailing_list.workspace))
    Campaign.objects.filter(pk=segmented.pk).update(people_generation=0)
    import_module("campaigns.migrations.0035_mark_narrowed_mailings").mark_narrowed(apps, None)
    shown = [Client().get(path_of(archive, one)).status_code for one in (plain, parted, segmented)]
    assert shown == [200, 404, 404]


def test_a_closed_archive_is_gone_at_once():
    archive = make_archive()
    campaign = make_sent(archive)
    paths = [path_of(archive), path_of(archive, campaign)]
    paths += [reverse(name, args=[archive.token]) for name in ("archive_feed", "archive_links")]
    assert [Client().get(path).status_code for path in paths] == [200] * 4
    assert "no-cache" in Client().get(paths[1])["Cache-Control"]
    archive.published_at = archive.adds_since = None
    archive.save()
    answers = [Client().get(path, headers={"accept-language": "en-US,en"}) for path in paths]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all("Page not found" in answer.content.decode() for answer in answers)
    assert "ページが見つかりません" in Client().get(paths[0]).content.decode()


def test_the_links_of_a_recipient_lead_to_an_explanation():
    archive = make_archive()
    page = read(reverse("archive_links", args=[archive.token]))
    assert "お手元に届いたメールの中のリンク" in page


def test_search_engines_are_let_in_where_that_is_wanted():
    archive = make_archive()
    campaign = make_sent(archive, html=HTML)
    paths = [path_of(archive), path_of(archive, campaign), reverse("archive_feed", args=[archive.token])]
    assert [Client().get(path).headers.get("X-Robots-Tag") for path in paths] == ["noindex"] * 3
    assert 'content="noindex' in read(paths[0])
    archive.is_indexed = True
    archive.save()
    assert [Client().get(path).headers.get("X-Robots-Tag") for path in paths] == [None] * 3
    assert 'content="noindex' not in read(paths[0])
    assert 'content="noindex' in read(reverse("archive_links", args=[archive.token]))


def test_feed_tells_of_the_newest_twenty():
    archive = make_archive(description="月に\x0b2回")
    for at in range(22):
        make_sent(
            archive,
            ago=timedelta(minutes=at),
            subject=f"第{at}号 & <便り>\x0b",
            text="{{name}}様\r\n\x08こんにちは。" + "あ" * 300,
        )
    newest = Campaign.objects.get(subject__startswith="第0号")
    newest.preheader = "{{name|みなさま}}へ"
    newest.save()
    answer = Client().get(reverse("archive_feed", args=[archive.token]))
    assert answer["Content-Type"] == "application/rss+xml; charset=utf-8"
    channel = ElementTree.fromstring(answer.content).find("channel")  # noqa: S314
    assert channel is not None
    items = channel.findall("item")
    assert [item.findtext("title") for item in items[:2]] == ["第0号 & <便り>", "第1号 & <便り>"]
    assert len(items) == 20
    url = f"http://testserver{path_of(archive, newest)}"
    assert (items[0].findtext("link"), items[0].findtext("guid")) == (url, url)
    assert items[0].findtext("description") == "みなさまへ"
    text = items[1].findtext("description") or ""
    assert text.startswith("お客様 こんにちは。あ")
    assert len(text) == 200
    assert (channel.findtext("language"), channel.findtext("description")) == ("ja", "月に 2回")
    assert items[0].findtext("pubDate")


def test_feed_is_well_formed_and_readers_show_the_words_of_mails():
    archive = make_archive(title="店\uffffだより", description="月に\ufffe2回")
    make_sent(archive, subject="秋\ufffeの\uffff便り😀", text="<info@shop.example> & 「<b>」\ufffe")
    make_sent(archive, subject="A & B", preheader="1 < 2\uffff", ago=timedelta(minutes=1))
    answer = Client().get(reverse("archive_feed", args=[archive.token]))
    channel = ElementTree.fromstring(answer.content).find("channel")  # noqa: S314
    assert channel is not None
    assert (channel.findtext("title"), channel.findtext("description")) == ("店だより", "月に2回")
    items = channel.findall("item")
    assert [item.findtext("title") for item in items] == ["A & B", "秋の便り😀"]
    # Readers take it for HTML.
    shown = [unescape(item.findtext("description") or "") for item in items]
    assert items[0].findtext("description") == "1 &lt; 2"
    assert shown == ["1 < 2", "<info@shop.example> & 「<b>」"]


def test_what_has_not_changed_is_not_sent_again():
    archive = make_archive()
    campaign = make_sent(archive, html=HTML)
    path = reverse("archive_feed", args=[archive.token])
    tag = Client().get(path)["ETag"]
    assert Client().get(path, headers={"if-none-match": tag}).status_code == 304
    # A 304 would bring the policy of our own pages, by which the mail's styles would not count at a second visit.
    assert "ETag" not in Client().get(path_of(archive, campaign))


def test_form_is_linked_while_it_takes_people():
    mailing_list = make_list()
    form = make_form(mailing_list.workspace, mailing_lists=[mailing_list])
    archive = make_archive(mailing_list, form=form)
    link = f'href="http://testserver/f/{form.token}/"'
    campaign = make_sent(archive)
    assert link in read(path_of(archive))
    assert link in read(path_of(archive, campaign))
    form.stopped_at = timezone.now()
    form.save()
    assert link not in read(path_of(archive))


def test_a_thousand_mailings_cost_no_more_than_one(django_assert_max_num_queries):
    archive = make_archive()
    first = make_many_sent(archive, 1000, html=HTML)
    for path, most in (
        (path_of(archive), 5),
        (path_of(archive) + "?page=50", 5),
        (path_of(archive, first), 4),
        (reverse("archive_feed", args=[archive.token]), 3),
    ):
        with django_assert_max_num_queries(most) as queries:
            assert Client().get(path).status_code == 200
        assert "campaigns_delivery" not in "".join(query["sql"] for query in queries.captured_queries)
    page = read(path_of(archive) + "?page=50")
    assert page.count("<li><time") == 20
    assert "新しいメール" in page
    assert "以前のメール" not in page
