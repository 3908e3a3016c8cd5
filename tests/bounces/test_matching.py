"""From a notice to its delivery: tokens, webhooks, a person's choice, and the address last."""

from __future__ import annotations

import json
import random
import time
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Workspace
from bounces.intake import store_raw
from bounces.matching import WEBHOOK_WINDOW, Why, find_delivery, read_tokens
from bounces.models import Bounce, Door, MatchedBy, NoticeState, RawNotice
from bounces.parsed import NoticeKind, ParsedNotice, ParsedRecipient
from bounces.parsing import parse
from bounces.processing import process
from campaigns.links import MESSAGE_ID
from campaigns.models import Delivery, DeliveryState
from lists.models import Subscriber
from mta import return_path, tokens
from tests.bounces.notices import make_notice, message_id, read_email, signed_path
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_workspace

pytestmark = pytest.mark.django_db
NOWHERE = "lost@bounce.example.com"
GUESSES = 10_000
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def make_sent(address: str = "taro@example.jp", workspace: Workspace | None = None, **fields: object) -> Delivery:
    mailing_list = make_list(workspace)
    now = timezone.now()
    defaults = {"state": DeliveryState.SENT, "settled_at": now, "mail_date": now}
    return make_delivery(make_campaign(mailing_list), make_subscriber(mailing_list, address), **defaults | fields)


def process_now(notice: RawNotice) -> RawNotice:
    process(notice.pk, now=timezone.now())
    notice.refresh_from_db()
    return notice


def forge(path: str, delivery_id: int, chance: random.Random) -> str:
    """Return an address that is none of ours but looks like one."""
    local, domain = path.split("@")
    _b, number, mac = local.split("-")
    place = chance.randrange(len(mac))
    other = chance.choice([letter for letter in BASE32 if letter != mac[place]])
    kinds = (
        f"b-{number}-{mac[:place]}{other}{mac[place + 1 :]}",
        f"b-{number}-{mac[:place]}",
        f"b-{number}-{mac}{other}",
        f"b-{chance.randrange(1, 10**9)}-{mac}",
        f"b-0{number}-{mac}",
        f"b-{number}-{''.join(chance.choices(BASE32, k=26))}",
        f"b-{tokens.make('unsubscribe', delivery_id, secret=django_settings.SECRET_KEY)}",
        f"b-{tokens.make(MESSAGE_ID, delivery_id, secret=django_settings.SECRET_KEY)}",
        f"b-{tokens.make('return-path', delivery_id, secret=chance.randbytes(8).hex())}",
        f"d-{number}-{mac}",
        f"b-{number}-{mac}\u212a",
        f"b--{number}-{mac}",
        f"{chance.randbytes(20).hex()}",
    )
    return f"{chance.choice(kinds)}@{domain}"


def test_ten_thousand_forged_tokens_lead_nowhere() -> None:
    """Cut, changed, made for another purpose, with another secret or another number: none is taken for ours."""
    delivery = make_sent()
    path = signed_path(delivery)
    chance = random.Random(4)  # noqa: S311
    begun = time.perf_counter()
    for _ in range(GUESSES):
        forged = forge(path, delivery.pk, chance)
        told = ParsedNotice(NoticeKind.BOUNCE, "dsn", message_id=f"<{forged}>", return_paths=(forged,))
        assert list(read_tokens(forged, told)) == [], forged
    assert time.perf_counter() - begun < 20
    # The check is not blind.
    assert list(read_tokens(path, ParsedNotice(NoticeKind.BOUNCE, "dsn"))) == [(delivery.pk, MatchedBy.RETURN_PATH)]


def test_forged_notices_change_nothing_on_their_whole_way() -> None:
    delivery = make_sent()
    chance = random.Random(5)  # noqa: S311
    for number in range(40):
        forged = forge(signed_path(delivery), delivery.pk, chance)
        name = ("postfix-user-unknown", "arf-abuse", "qmail-no-mailbox")[number % 3]
        notice = make_notice(name, to=forged, **{"news@shop.example": f"news{number}@shop.example"})
        assert process_now(notice).state == NoticeState.UNMATCHED
    assert Delivery.objects.get().state == DeliveryState.SENT
    assert Subscriber.objects.get().error_count == 0
    assert not Bounce.objects.filter(applied=True).exists()


def test_letter_case_of_a_token_is_no_forgery() -> None:
    delivery = make_sent()
    told = ParsedNotice(NoticeKind.BOUNCE, "dsn", message_id=message_id(delivery).upper())
    assert find_delivery(RawNotice(envelope_to=NOWHERE), told, now=timezone.now()).by == MatchedBy.MESSAGE_ID


def test_replay_with_other_bytes_counts_once() -> None:
    """Another digest, the same event."""
    delivery = make_sent()
    for number in range(5):
        notice = make_notice(to=signed_path(delivery), **{"mail": f"mail{number}"} if number else {})
        assert process_now(notice).state == NoticeState.PROCESSED
    assert RawNotice.objects.count() == 5
    assert Subscriber.objects.get().error_count == 1
    assert Bounce.objects.filter(applied=True).count() == 1


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("7bit", "Message-ID: %s"),
        ("quoted-printable", "Message-ID:=20%s"),
        ("7bit", "> Message-ID: %s"),
        ("7bit", "Message-ID:\n %s"),
    ],
)
def test_message_id_in_the_text_of_a_notice_leads_to_the_delivery(encoding: str, body: str) -> None:
    """A notice without a returned part shows the headers in its text."""
    delivery = make_sent()
    content = (
        "From: MAILER-DAEMON@mx.example.net\nTo: news@shop.example\nSubject: Undelivered Mail\n"
        f"Content-Transfer-Encoding: {encoding}\n\n"
        "The following message could not be delivered:\n<taro@example.jp>: 550 5.1.1 User unknown\n\n"
        f"{body % message_id(delivery)}\n"
    )
    notice = process_now(store_raw(content.encode(), envelope_to=NOWHERE, door=Door.LMTP))
    assert (notice.matched_by, notice.state) == (MatchedBy.MESSAGE_ID, NoticeState.PROCESSED)


def test_address_counts_where_the_operator_allows_it(settings: Settings) -> None:
    delivery = make_sent()
    settings.COUNT_ADDRESS_MATCHES = True
    notice = process_now(make_notice())
    assert (notice.state, notice.matched_by) == (NoticeState.PROCESSED, MatchedBy.ADDRESS)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.BOUNCED


def test_address_of_a_mail_that_was_never_made_is_unknown() -> None:
    make_sent(state=DeliveryState.PENDING, mail_date=None, settled_at=None)
    notice = process_now(make_notice())
    assert (notice.matched_by, notice.note) == ("", Why.ADDRESS_UNKNOWN)


def test_why_a_notice_fits_nothing_is_kept() -> None:
    make_workspace()
    assert process_now(make_notice()).note == Why.ADDRESS_UNKNOWN
    assert process_now(make_notice("arf-without-recipient")).note == Why.NO_ADDRESS
    gone = make_sent("other@example.jp")
    path = signed_path(gone)
    gone.delete()
    assert process_now(make_notice(to=path)).note == Why.DELIVERY_GONE
    make_sent()
    assert process_now(make_notice("qmail-no-mailbox")).note == Why.ADDRESS_ONLY
    make_sent()
    assert process_now(make_notice(to="x@bounce.example.com")).note == Why.SEVERAL_WORKSPACES


def store_event(workspace: Workspace | None, address: str = "taro@example.jp") -> RawNotice:
    event = {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "TypeCode": 1,
        "Email": address,
        "Description": "The server was unable to deliver your message",
        "Details": "smtp;550 5.1.1 User unknown",
    }
    return store_raw(
        json.dumps(event).encode(), envelope_to="", door=Door.WEBHOOK, workspace=workspace, source="postmark"
    )


def test_webhook_that_proved_itself_counts_by_the_address() -> None:
    delivery = make_sent()
    notice = process_now(store_event(delivery.workspace))
    assert (notice.state, notice.matched_by, notice.workspace) == (
        NoticeState.PROCESSED,
        MatchedBy.WEBHOOK,
        delivery.workspace,
    )
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.BOUNCED


def test_webhook_takes_the_newest_mail() -> None:
    workspace = make_workspace()
    old = make_sent(workspace=workspace)
    mailing_list = old.campaign.mailing_lists.get()
    new = make_delivery(make_campaign(mailing_list), old.subscriber, state="sent", mail_date=timezone.now())
    process_now(store_event(workspace))
    assert set(Delivery.objects.values_list("pk", "state")) == {(old.pk, "sent"), (new.pk, "bounced")}


def test_webhook_about_an_old_mail_is_listed() -> None:
    delivery = make_sent(mail_date=timezone.now() - WEBHOOK_WINDOW - timedelta(hours=1))
    notice = process_now(store_event(delivery.workspace))
    assert (notice.state, notice.note) == (NoticeState.UNMATCHED, Why.NOT_SENT_LATELY)
    assert notice.workspace == delivery.workspace


def test_webhook_reaches_no_other_workspace() -> None:
    delivery = make_sent()
    stranger = make_workspace()
    notice = process_now(store_event(stranger))
    assert (notice.state, notice.workspace, notice.bounces.get().delivery) == (NoticeState.UNMATCHED, stranger, None)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.SENT


def test_door_of_a_workspace_matches_addresses_of_its_own() -> None:
    """A mailbox or an upload of one workspace shows nothing of another one's deliveries."""
    theirs = make_sent()
    own = make_workspace()
    notice = store_raw(read_email("postfix-user-unknown"), envelope_to="", door=Door.UPLOAD, workspace=own)
    process_now(notice)
    assert (notice.workspace, notice.matched_by, notice.note) == (own, "", Why.ADDRESS_UNKNOWN)
    mine = make_sent(workspace=own)
    again = store_raw(read_email("qmail-no-mailbox"), envelope_to="", door=Door.UPLOAD, workspace=own)
    assert process_now(again).bounces.get().delivery == mine
    assert theirs.bounces.count() == 0


def test_proven_notice_goes_to_the_workspace_of_its_delivery() -> None:
    """Nothing of a delivery is ever shown on the pages of another workspace."""
    delivery = make_sent()
    uploader = make_workspace()
    content = read_email("postfix-user-unknown")
    notice = store_raw(content, envelope_to=signed_path(delivery), door=Door.UPLOAD, workspace=uploader)
    assert process_now(notice).workspace == delivery.workspace
    assert notice.bounces.get().delivery == delivery


def test_persons_choice_goes_before_everything() -> None:
    chosen, named = make_sent("alias@example.jp"), make_sent("taro@example.jp")
    notice = make_notice(to=signed_path(named))
    RawNotice.objects.update(assigned_to=chosen)
    assert process_now(notice).matched_by == MatchedBy.HAND
    assert set(Delivery.objects.values_list("pk", "state")) == {(chosen.pk, "bounced"), (named.pk, "sent")}


def test_recipients_without_an_address_are_put_up_with() -> None:
    told = ParsedNotice(NoticeKind.BOUNCE, "dsn", (ParsedRecipient(""),))
    assert find_delivery(RawNotice(envelope_to=""), told, now=timezone.now()).why == Why.NO_ADDRESS


def test_path_that_only_looks_signed_is_parsed_as_any_other() -> None:
    parsed = parse(read_email("arf-abuse"))
    assert return_path.decode(parsed.return_paths[0], secret=django_settings.SECRET_KEY) is None
