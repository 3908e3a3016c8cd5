"""Erasing a person: afterwards no column of any table holds the address or the name, and none comes back."""

import json
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit import record
from accounts.models import AuditEntry, Role, User, Workspace
from bounces.batches import process_batch
from bounces.erasing import erase_people
from bounces.models import Bounce, NoticeState, RawNotice
from bounces.processing import process
from campaigns import models as campaign_models
from campaigns.failures import Failure, record_refusal
from campaigns.models import Campaign, Delivery, DeliveryState
from campaigns.outcomes import Accepted, accept, record_outcome
from lists.address import clean_address
from lists.csv_import import Choice, create_import, queue_import
from lists.csv_reading import Format
from lists.editing import Person, edit_subscriber
from lists.erasing import digest_of, find_erased
from lists.models import (
    AddressError,
    BulkJob,
    ColumnMemory,
    Consent,
    CsvImport,
    Engagement,
    ErasedAddress,
    Exclusion,
    MailingList,
    RejectedRow,
    Segment,
    StagedRow,
    Subscriber,
    TraceSweep,
)
from lists.sweeping import EVERY, LEASE, has_due_sweeps, spellings_in, sweep_due, sweep_rejected
from mta.outcomes import Outcome, Result
from mta.verdicts import Kind, Phase, Reason
from tests.bounces.notices import make_notice, signed_path
from tests.factories import (
    make_campaign,
    make_delivery,
    make_errors,
    make_list,
    make_subscriber,
    make_user,
    make_workspace,
)
from tests.lists.importing import apply_import

pytestmark = pytest.mark.django_db

NOW = timezone.now()
ADDRESS, FORMER, NAME, VALUE = "Kieru.Hito@kieru.example", "Mae.No@kieru.example", "消得 仁", "ひみつの好物"
SECRETS = ("kieru.hito", "kieru.example", "mae.no@", NAME, VALUE)


def find_secrets() -> list[str]:
    """Return every table and column in which something of the person stands."""
    return [
        f"{model._meta.label}.{field.attname}: {text[:200]}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        for value in model._base_manager.values_list(field.attname, flat=True)
        if any(secret in (text := read_value(value)).lower() for secret in SECRETS)
    ]


def read_value(value: Any) -> str:
    """Return a value as text, mails unpacked."""
    if isinstance(value, bytes | memoryview):
        content = bytes(value)
        with suppress(zlib.error):
            content = zlib.decompress(content)
        return content.decode(errors="replace")
    return json.dumps(value, ensure_ascii=False, default=str)


@pytest.fixture
def actor(workspace: Workspace) -> User:
    return make_user(workspace, Role.EDITOR)


@pytest.fixture
def person(workspace: Workspace, actor: User) -> Subscriber:
    """A person of whom everything is known that can be."""
    mailing_list = make_list(workspace, pk=5001)
    subscriber = make_subscriber(mailing_list, FORMER, name=NAME, attributes={"好物": VALUE})
    edit_subscriber(
        subscriber,
        Person(clean_address(ADDRESS), NAME),
        mailing_lists=[mailing_list],
        evidence="",
        actor=actor,
        now=NOW,
    )
    Consent.objects.create(
        subscriber=subscriber,
        mailing_list=mailing_list,
        source="form",
        at=NOW,
        evidence=f"{ADDRESS} の申込",
        ip="192.0.2.7",
        text_version="第2版",
    )
    make_errors(subscriber, text=f"<{ADDRESS}>: user unknown")
    Engagement.objects.create(subscriber=subscriber, campaign=1, opened_at=NOW)
    make_mails(mailing_list, subscriber)
    make_traces(workspace, mailing_list)
    return subscriber


def make_mails(mailing_list: MailingList, subscriber: Subscriber) -> None:
    """Make mails of all states, notices and test mails."""
    for state in DeliveryState:
        lease = {"lease_token": uuid4(), "lease_until": NOW} if state in ("claimed", "fenced") else {}
        delivery = make_delivery(
            make_campaign(mailing_list, subject=state.label, state="sending"),
            subscriber,
            state=state,
            fenced_at=NOW,
            attributes={"好物": VALUE},
            text=f"550 <{ADDRESS}>",
            **lease,
        )
        notice = make_notice(to=signed_path(delivery), **{"taro@example.jp": ADDRESS})
        Bounce.objects.create(
            notice=notice, delivery=delivery, recipient=ADDRESS, kind="hard", reason="user_unknown", text=ADDRESS
        )
        RawNotice.objects.filter(pk=notice.pk).update(workspace=mailing_list.workspace, state="processed")
    for number, (owner, address) in enumerate(product((mailing_list.workspace, None), (ADDRESS, FORMER))):
        notice = make_notice(to=f"lost{number}@bounce.example.com", **{"taro@example.jp": address})
        Bounce.objects.create(notice=notice, recipient=address, kind="hard", reason="user_unknown")
        RawNotice.objects.filter(pk=notice.pk).update(workspace=owner, state="unmatched", note=f"{address}?")
    campaign = Campaign.objects.order_by("pk")[0]
    campaign_models.TestMail.objects.create(campaign=campaign, address=ADDRESS.upper(), text=ADDRESS)
    campaign_models.TestMail.objects.create(
        campaign=campaign, address="me@example.jp", subscriber=subscriber, text="ok"
    )


def make_traces(workspace: Workspace, mailing_list: MailingList) -> None:
    """Leave the address wherever lists keep it."""
    csv_import = CsvImport.objects.create(
        workspace=workspace,
        mailing_list=mailing_list,
        filename=f"{ADDRESS}.csv",
        encoding="utf-8",
        state="checked",
        headers=[ADDRESS, "列2"],
        forecast={"samples": {"new": [[2, ADDRESS], [3, "other@example.jp"]]}},
        rows_staged=1,
    )
    StagedRow.objects.create(
        csv_import=csv_import,
        line=2,
        address=ADDRESS,
        address_key=ADDRESS.lower(),
        name=NAME,
        attributes={"好物": VALUE},
    )
    RejectedRow.objects.create(csv_import=csv_import, line=3, value=f'"{NAME}" <{ADDRESS}>', reason="重複")
    BulkJob.objects.create(workspace=workspace, action="stop", search={"q": ADDRESS}, why=f"{ADDRESS}の件")
    conditions = {"v": 1, "all": [{"field": "address", "op": "is", "value": ADDRESS.lower()}]}
    Segment.objects.create(workspace=workspace, name="一人", conditions=conditions)
    Exclusion.objects.create(workspace=workspace, kind="address", value=ADDRESS.lower())
    ColumnMemory.objects.create(workspace=workspace, header=ADDRESS.lower(), target="-", used_at=NOW)


def erase(person: Subscriber) -> int:
    erased = erase_people([person.pk], workspace=person.workspace, actor=None, now=NOW)
    sweep_due(NOW)
    return erased


def test_nothing_of_an_erased_person_is_left_in_any_table_f4(person: Subscriber) -> None:
    """F4, E13: only a digest stays, by which the address is recognised."""
    # The test would prove nothing if the person was nowhere.
    tables = {".".join(place.split(".")[:2]) for place in find_secrets()}
    assert len(tables) >= 15, tables
    assert erase(person) == 1
    assert find_secrets() == []
    assert not Subscriber.objects.filter(pk=person.pk).exists()
    key = ADDRESS.lower()
    assert find_erased(person.workspace, [key, FORMER.lower(), "other@example.jp"]) == {key, FORMER.lower()}
    digests = {bytes(digest) for digest in ErasedAddress.objects.values_list("digest", flat=True)}
    assert digests == {digest_of(person.workspace_id, key), digest_of(person.workspace_id, FORMER.lower())}


def test_the_numbers_of_mailings_stay(person: Subscriber) -> None:
    before = Delivery.objects.count()
    erase(person)
    states = dict(Delivery.objects.values_list("campaign__subject", "state"))
    assert len(states) == before == len(DeliveryState)
    unsent = {DeliveryState.PENDING, DeliveryState.DEFERRED, DeliveryState.CLAIMED}
    for state in DeliveryState:
        assert states[str(state.label)] == (DeliveryState.EXCLUDED if state in unsent else state)
    assert Delivery.objects.values("address_key").distinct().count() == before


def test_consents_stay_without_the_person_f4(person: Subscriber) -> None:
    """F4."""
    erase(person)
    consent = Consent.objects.get(source="form")
    assert (consent.subscriber, consent.mailing_list_id, consent.text_version) == (None, 5001, "第2版")
    assert bytes(consent.digest or b"") == digest_of(person.workspace_id, ADDRESS.lower())
    assert (consent.ended_at, consent.ip, consent.evidence) == (NOW, None, "(消去済み) の申込")


def test_the_audit_log_says_that_somebody_was_erased_and_not_who(person: Subscriber) -> None:
    erase(person)
    assert set(AuditEntry.objects.values_list("target", flat=True)) == {f"#{person.pk}"}
    assert AuditEntry.objects.filter(action="subscriber.erased").count() == 1
    assert AuditEntry.objects.get(action="subscriber.edited").detail == {"fields": ["address"]}


def test_the_same_address_of_another_workspace_stays(person: Subscriber) -> None:
    other = make_list(make_workspace())
    subscriber = make_subscriber(other, ADDRESS)
    delivery = make_delivery(make_campaign(other), subscriber)
    Exclusion.objects.create(workspace=other.workspace, kind="address", value=ADDRESS.lower())
    assert erase_people([person.pk, subscriber.pk], workspace=person.workspace, actor=None, now=NOW) == 1
    delivery.refresh_from_db()
    assert (delivery.address, delivery.subscriber) == (ADDRESS, subscriber)
    assert Exclusion.objects.filter(workspace=other.workspace).exists()
    assert find_erased(other.workspace, [ADDRESS.lower()]) == set()


def test_erasing_twice_or_nobody_does_nothing(person: Subscriber) -> None:
    assert erase(person) == 1
    assert erase(person) == 0
    assert ErasedAddress.objects.count() == 2


def test_what_waits_to_be_imported_comes_without_the_person(person: Subscriber) -> None:
    erase(person)
    csv_import = CsvImport.objects.get()
    assert (csv_import.rows_staged, csv_import.forecast) == (
        0,
        {"samples": {"new": [[2, "(消去済み)"], [3, "other@example.jp"]]}},
    )


def test_many_are_erased_at_once(person: Subscriber) -> None:
    others = [make_subscriber(workspace=person.workspace, address=f"x{number}@example.jp") for number in range(30)]
    ids = [person.pk, *(other.pk for other in others)]
    assert erase_people(ids, workspace=person.workspace, actor=None, now=NOW) == 31
    assert has_due_sweeps(NOW)
    assert sweep_due(NOW) == 1
    assert find_secrets() == []


def test_an_older_key_still_recognises(workspace: Workspace, settings: Any) -> None:
    settings.ERASURE_KEYS = ["old"]
    person = make_subscriber(workspace=workspace, address="a@example.jp")
    erase(person)
    settings.ERASURE_KEYS = ["new", "old"]
    assert find_erased(workspace, ["a@example.jp"]) == {"a@example.jp"}
    settings.ERASURE_KEYS = ["new"]
    assert find_erased(workspace, ["a@example.jp"]) == set()


def test_no_spelling_of_an_address_stays_in_the_audit_log(workspace: Workspace, actor: User) -> None:
    """F4: an address was typed, then a file spelled it otherwise, then it was changed."""
    record(workspace, actor, "subscriber.created", FORMER)
    person = make_subscriber(workspace=workspace, address=FORMER.lower(), name=NAME)
    edited = Person(clean_address(ADDRESS), NAME)
    edit_subscriber(person, edited, mailing_lists=[], evidence="", actor=actor, now=NOW)
    # As it was before entries followed every spelling.
    record(workspace, actor, "subscriber.stopped", FORMER.upper(), why=f"{FORMER}の件")
    erase(person)
    assert find_secrets() == []


def test_a_former_address_that_somebody_else_has_now_is_left_alone(person: Subscriber) -> None:
    other = make_subscriber(workspace=person.workspace, address=FORMER, name="別人")
    delivery = make_delivery(make_campaign(MailingList.objects.get(pk=5001)), other)
    record(person.workspace, None, "subscriber.stopped", FORMER)
    erase(person)
    assert find_erased(person.workspace, [FORMER.lower()]) == set()
    delivery.refresh_from_db()
    assert (delivery.address, delivery.subscriber) == (FORMER, other)
    assert AuditEntry.objects.filter(target=FORMER).count() == 1


def test_a_longer_address_that_begins_alike_stays(workspace: Workspace) -> None:
    person = make_subscriber(workspace=workspace, address="taro@yahoo.co")
    make_subscriber(workspace=workspace, address="taro@yahoo.co.jp")
    conditions = {"v": 1, "all": [{"field": "address", "op": "is", "value": "taro@yahoo.co.jp"}]}
    segment = Segment.objects.create(workspace=workspace, name="一人", conditions=conditions)
    csv_import = make_import(workspace)
    values = ["taro@yahoo.co.jp", "mytaro@yahoo.co", "taro@yahoo.co-op.jp", "x.taro@yahoo.co"]
    for line, value in enumerate([*values, "山田,TARO@yahoo.co,東京", "taro@yahoo.co。", "ｔａｒｏ＠yahoo.co"], 2):
        RejectedRow.objects.create(csv_import=csv_import, line=line, value=value, reason="x")
    erase(person)
    segment.refresh_from_db()
    assert segment.conditions == conditions
    kept = [row.value for row in RejectedRow.objects.order_by("line")]
    assert kept == [*values, *["(消去済み)"] * 3]


def make_import(workspace: Workspace) -> CsvImport:
    return CsvImport.objects.create(
        workspace=workspace, mailing_list=make_list(workspace), filename="a.csv", encoding="utf-8", state="done"
    )


def test_refused_rows_are_looked_through_in_pieces(workspace: Workspace) -> None:
    csv_import = make_import(workspace)
    # Several reasons may stand beside one line.
    RejectedRow.objects.bulk_create(
        RejectedRow(csv_import=csv_import, line=2 + number // 3, value=f"x{number}@example.jp", reason="x")
        for number in range(11)
    )
    person = make_subscriber(workspace=workspace, address="x9@example.jp")
    erase_people([person.pk], workspace=workspace, actor=None, now=NOW)
    sweep_rejected(workspace, csv_import.pk, piece=2)
    assert RejectedRow.objects.count() == 11
    assert RejectedRow.objects.get(value="(消去済み)").line == 5


def test_texts_are_looked_through_once_for_many_who_are_erased_one_after_the_other(workspace: Workspace) -> None:
    first, second = (make_subscriber(workspace=workspace, address=f"x{number}@example.jp") for number in range(2))
    erase(first)
    assert not has_due_sweeps(NOW)
    erase_people([second.pk], workspace=workspace, actor=None, now=NOW)
    assert not has_due_sweeps(NOW + timedelta(minutes=1))
    assert sweep_due(NOW + EVERY) == 1
    assert not has_due_sweeps(NOW + EVERY * 2)


def test_a_sweep_whose_process_died_is_done_again(workspace: Workspace) -> None:
    TraceSweep.objects.create(workspace=workspace, due_at=NOW + LEASE)
    assert sweep_due(NOW) == 0
    assert sweep_due(NOW + LEASE) == 1


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Taro@Example.jp の件", {"taro@example.jp"}),
        ("<taro@example.jp>,taro@example.jp.", {"taro@example.jp"}),
        ("taro@example.jpの件", {"taro@example.jp"}),
        ("taro@例え.jp", {"taro@xn--r8jz45g.jp"}),
        ("to=taro@example.jp.csv", {"taro@example.jp", "to=taro@example.jp"}),
        ('"a..b"@docomo.ne.jp', {"a..b@docomo.ne.jp"}),
        ("taro@😀.jp", {"taro@xn--e28h.jp"}),
        ("(taro@हिन्दी.com)", {"taro@xn--j2bd4cyah0f.com"}),
        ("taro@例え.jpと、hanako@例え.jp、", {"taro@xn--r8jz45g.jp", "hanako@xn--r8jz45g.jp"}),
        ("「taro@例え.テスト」です。", {"taro@xn--r8jz45g.xn--zckzah"}),
        ("taro@日本・語.jp", {"taro@xn--vek160nb2acz6g.jp"}),
        ("だれも@いない", set()),
        ("!" * 3000 + "@" + "x" * 3000, set()),
    ],
)
def test_addresses_are_found_in_texts(text: str, keys: set[str]) -> None:
    assert keys <= set(spellings_in([text]).values())
    assert bool(keys) == bool(spellings_in([text]))


# What comes in later.


def fenced(person: Subscriber) -> Delivery:
    return Delivery.objects.select_related("campaign", "lane", "workspace").get(
        subscriber=person, state=DeliveryState.FENCED
    )


def outcome(delivery: Delivery, result: Result) -> Outcome:
    text = f"<{ADDRESS}> says so"
    return Outcome(delivery.pk, result, code=250, text=text, phase=Phase.DOT)


@pytest.mark.parametrize("result", [Result.ACCEPTED, Result.DOUBT, Result.DEFERRED, Result.REFUSED])
def test_the_outcome_of_a_mail_on_its_way_brings_nothing_back(person: Subscriber, result: Result) -> None:
    delivery = fenced(person)
    Delivery.objects.filter(pk=delivery.pk).update(mail_date=NOW)
    delivery.refresh_from_db()
    token = delivery.lease_token
    assert token
    erase(person)
    assert record_outcome(delivery, outcome(delivery, result), token=token, now=NOW + timedelta(seconds=1))
    assert find_secrets() == []


def test_an_accepted_mail_brings_nothing_back_in_the_quick_way_either(person: Subscriber) -> None:
    delivery = fenced(person)
    token = delivery.lease_token
    assert token
    other = make_delivery(delivery.campaign, state="fenced", fenced_at=NOW, lease_token=token, lease_until=NOW)
    erase(person)
    told = Accepted([delivery.pk, other.pk], [token, token], ["2.0.0", "2.0.0"], [f"ok {ADDRESS}", "ok"])
    assert accept(told, now=NOW) == 2
    other.refresh_from_db()
    delivery.refresh_from_db()
    assert (other.text, delivery.text, delivery.state) == ("ok", "", DeliveryState.SENT)


def test_a_refusal_after_the_erasing_counts_for_nobody(person: Subscriber) -> None:
    delivery = fenced(person)
    token = delivery.lease_token
    assert token
    erase(person)
    failure = Failure(DeliveryState.FAILED, Kind.HARD, Reason.USER_UNKNOWN, text=ADDRESS)
    assert record_refusal(delivery, failure, token=token, now=NOW)
    assert not AddressError.objects.exists()
    assert find_secrets() == []


@pytest.mark.parametrize("together", [True, False])
def test_a_notice_that_comes_later_counts_and_names_nobody(person: Subscriber, together: bool) -> None:
    delivery = Delivery.objects.get(subscriber=person, state=DeliveryState.SENT)
    erase(person)
    notice = make_notice(to=signed_path(delivery), **{"taro@example.jp": ADDRESS, "User unknown": "No such user"})
    if together:
        process_batch([notice.pk], now=NOW)
    else:
        process(notice.pk, now=NOW)
    delivery.refresh_from_db()
    notice.refresh_from_db()
    assert (delivery.state, notice.state) == (DeliveryState.BOUNCED, NoticeState.PROCESSED)
    assert find_secrets() == []


def test_a_file_does_not_bring_an_erased_person_back_e13(person: Subscriber) -> None:
    """E13."""
    mailing_list = MailingList.objects.get(pk=5001)
    erase(person)
    CsvImport.objects.all().delete()
    user = make_user(person.workspace)
    content = f"メールアドレス,氏名\n{ADDRESS},だれか\n{FORMER},だれか\nother@example.jp,別人\n"
    csv_import = create_import(mailing_list, ContentFile(content.encode(), name="a.csv"), user)
    layout = Format(csv_import.encoding, csv_import.separator, csv_import.has_header)
    assert queue_import(csv_import, Choice(layout, csv_import.columns, csv_import.mode), user)
    apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.rows_new, csv_import.forecast["rejected"]) == (1, {"erased": 2})
    assert list(Subscriber.objects.values_list("address", flat=True)) == ["other@example.jp"]


# The page.


def test_the_page_asks_and_then_erases(person: Subscriber, client_for: Any, actor: User) -> None:
    client: Client = client_for(actor)
    url = reverse("subscriber_erase", args=[person.pk])
    page = client.get(url).content.decode()
    assert "個人情報を消去しますか" in page
    assert ADDRESS in page
    assert "CSVファイルは残っていません" in page
    assert "遅くとも消去の1か月後に" in page
    page = client.post(url).content.decode()
    assert "チェックを入れてください" in page
    assert "消去の理由を入力してください" in page
    assert Subscriber.objects.filter(pk=person.pk).exists()
    response = client.post(url, {"confirmed": "on", "why": f"{ADDRESS}の依頼"}, follow=True)
    assert AuditEntry.objects.get(action="subscriber.erased").detail == {"why": "(消去済み)の依頼"}
    assert "購読者の個人情報を消去しました" in response.content.decode()
    sweep_due(timezone.now())
    assert find_secrets() == []
    assert client.get(url).status_code == 404
    # Nothing that was said on a page is kept either.
    call_command("clearsessions")
    assert find_secrets() == []


def test_the_page_says_when_the_last_file_goes(person: Subscriber, client_for: Any, actor: User) -> None:
    CsvImport.objects.update(file="imports/x.csv", created_at=datetime(2026, 5, 1, 3, tzinfo=UTC))
    page = client_for(actor).get(reverse("subscriber_erase", args=[person.pk])).content.decode()
    assert "2026/06/01までに自動で削除されます" in page


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_only_who_may_edit_erases(person: Subscriber, client_for: Any, role: Role) -> None:
    url = reverse("subscriber_erase", args=[person.pk])
    own = client_for(make_user(person.workspace, role)).get(url)
    assert own.status_code == (403 if role == Role.VIEWER else 200)
    assert client_for(make_user(make_workspace(), Role.ADMIN)).post(url, {"confirmed": "on"}).status_code == 404
    assert Subscriber.objects.filter(pk=person.pk).exists()
