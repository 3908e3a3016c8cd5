"""The beginning of a text, by an index on both databases."""

import pytest
from django.db import connection

from lists.models import MailingList, Subscriber
from lists.prefix import starts_with
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db


def find(text: str) -> list[str]:
    return list(
        Subscriber.objects.filter(starts_with("address_key", text)).order_by("pk").values_list("address_key", flat=True)
    )


def test_finds_what_begins_with_the_text_and_nothing_else(mailing_list: MailingList) -> None:
    for address in ("taro@example.jp", "taro.y@example.jp", "tar%o@example.jp", "taroz@example.jp", "ta@example.jp"):
        make_subscriber(mailing_list, address)
    assert find("taro") == ["taro@example.jp", "taro.y@example.jp", "taroz@example.jp"]
    assert find("tar%") == ["tar%o@example.jp"]
    assert find("taro@example.jp") == ["taro@example.jp"]
    assert find("TARO") == []
    assert len(find("")) == 5


def test_an_index_serves_it(mailing_list: MailingList) -> None:
    workspace = mailing_list.workspace
    addresses = [f"reader{number}@example.jp" for number in range(2000)]
    Subscriber.objects.bulk_create(
        Subscriber(workspace=workspace, address=address, address_key=address) for address in addresses
    )
    people = Subscriber.objects.filter(starts_with("address_key", "reader77"), workspace=workspace)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE lists_subscriber")
        plan = people.values("pk").explain()
        assert "subscriber_by_prefix" in plan or "subscriber_once" in plan, plan
    else:
        assert "SEARCH" in people.values("pk").explain()
