"""Plain functions that make stored objects for tests; every argument has a sensible default."""

from itertools import count
from typing import Any

from django.utils import timezone

from accounts.models import Membership, Role, User, Workspace
from campaigns.models import Campaign, Delivery, Lane
from lists.address import clean_address
from lists.errors import ErrorEvent, Weight, count_error
from lists.models import MailingList, Subscriber, Subscription
from mta.models import MailRoute
from mta.secrets import encrypt
from senders.models import Sender, SenderDomain

numbers = count(1)


def make_workspace(**fields: Any) -> Workspace:
    return Workspace.objects.create(**{"name": f"ワークスペース{next(numbers)}"} | fields)


def make_user(workspace: Workspace | None = None, role: Role = Role.ADMIN, **fields: Any) -> User:
    """Make a user with the password "password", a member of `workspace` where one is given."""
    user = User.objects.create_user(fields.pop("email", f"user{next(numbers)}@example.com"), "password", **fields)
    if workspace is not None:
        Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


def make_list(workspace: Workspace | None = None, **fields: Any) -> MailingList:
    workspace = workspace or make_workspace()
    return MailingList.objects.create(**{"workspace": workspace, "name": f"リスト{next(numbers)}"} | fields)


def make_subscriber(mailing_list: MailingList | None = None, address: str = "", **fields: Any) -> Subscriber:
    """Make a subscriber, on `mailing_list` where one is given."""
    workspace = fields.pop("workspace", None) or (mailing_list.workspace if mailing_list else make_workspace())
    found = clean_address(address or f"reader{next(numbers)}@example.jp")
    if fields.get("status") == "stopped":
        fields = {"stop_reason": "manual", "stopped_at": timezone.now()} | fields
    subscriber = Subscriber.objects.create(
        **{"workspace": workspace, "address": found.address, "address_key": found.key, "name": "山田 太郎"} | fields
    )
    if mailing_list is not None:
        Subscription.objects.create(mailing_list=mailing_list, subscriber=subscriber)
    return subscriber


def make_errors(subscriber: Subscriber, number: int = 1, **fields: Any) -> Subscriber:
    """Count so many errors of a subscriber, each told by an event of its own; `now` is when."""
    now = fields.pop("now", None) or timezone.now()
    defaults = {
        "weight": Weight.COUNT,
        "kind": "soft",
        "reason": "mailbox_full",
        "code": "5.2.2",
        "about": "秋のお知らせ",
    }
    for _error in range(number):
        event = {"key": f"event:{next(numbers)}", "text": "552 5.2.2 mailbox full"} | defaults | fields
        count_error(subscriber.pk, ErrorEvent(**event), now=now)
    subscriber.refresh_from_db()
    return subscriber


def make_sender(workspace: Workspace | None = None, address: str = "", **fields: Any) -> Sender:
    """Make a sender on a verified domain."""
    workspace = workspace or make_workspace()
    address = address or f"news{next(numbers)}@shop.example"
    domain, _ = SenderDomain.objects.get_or_create(
        workspace=workspace, name=address.partition("@")[2], defaults={"verified_at": timezone.now()}
    )
    defaults = {
        "name": "みほん商店",
        "legal_name": "みほん商店株式会社",
        "postal_address": "東京都千代田区千代田1-1",
        "contact": "https://shop.example/contact",
    }
    return Sender.objects.create(workspace=workspace, domain=domain, address=address, **defaults | fields)


def make_campaign(mailing_list: MailingList | None = None, **fields: Any) -> Campaign:
    """Make a draft to one list."""
    mailing_list = mailing_list or make_list(fields.get("workspace"))
    workspace = mailing_list.workspace
    sender = fields.pop("sender", None) or make_sender(workspace)
    defaults = {"subject": "秋のお知らせ", "text": "{{name|お客様}}\nこんにちは。"}
    campaign = Campaign.objects.create(workspace=workspace, sender=sender, **defaults | fields)
    campaign.mailing_lists.add(mailing_list)
    return campaign


def make_mail_route(*, login: tuple[str, str] = ("", ""), **fields: Any) -> MailRoute:
    """Make a route to a relay; `login` are user and password."""
    username, password = login
    defaults = {"name": f"経路{next(numbers)}", "host": "relay.example", "username": username}
    sealed = encrypt(password.encode()) if password else b""
    return MailRoute.objects.create(**defaults | {"password": sealed} | fields)


def make_lane(workspace: Workspace, **fields: Any) -> Lane:
    lane, _ = Lane.objects.get_or_create(
        workspace=workspace,
        route=fields.pop("route", "relay"),
        provider=fields.pop("provider", "other"),
        domain=fields.pop("domain", ""),
    )
    if fields:
        Lane.objects.filter(pk=lane.pk).update(**fields)
        lane.refresh_from_db()
    return lane


def make_delivery(campaign: Campaign | None = None, subscriber: Subscriber | None = None, **fields: Any) -> Delivery:
    """Make one delivery of a campaign, pending and due unless told otherwise."""
    campaign = campaign or make_campaign()
    mailing_list = campaign.mailing_lists.get()
    subscriber = subscriber or make_subscriber(mailing_list)
    lane = fields.pop("lane", None) or make_lane(campaign.workspace)
    defaults = {
        "workspace": campaign.workspace,
        "subscriber": subscriber,
        "lane": lane,
        "address": subscriber.address,
        "address_key": subscriber.address_key,
        "name": subscriber.name,
        "due_at": timezone.now(),
    }
    return Delivery.objects.create(campaign=campaign, **defaults | fields)


def make_deliveries(
    campaign: Campaign, number: int, *, lane: Lane | None = None, domain: str = "example.jp", **fields: Any
) -> list[Delivery]:
    """Make many deliveries of a campaign at once, to addresses that no subscriber has."""
    lane = lane or make_lane(campaign.workspace)
    addresses = [f"reader{next(numbers)}@{domain}" for _ in range(number)]
    defaults = {"workspace": campaign.workspace, "lane": lane, "due_at": timezone.now()}
    return Delivery.objects.bulk_create(
        Delivery(campaign=campaign, address=address, address_key=address, **defaults | fields) for address in addresses
    )
