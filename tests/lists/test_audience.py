"""Who receives a campaign."""

import pytest

from lists.audience import recipients
from lists.models import Subscription
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db


def test_active_subscribers_of_any_list_come_once() -> None:
    first = make_list()
    second = make_list(first.workspace)
    both = make_subscriber(first)
    Subscription.objects.create(mailing_list=second, subscriber=both)
    only = make_subscriber(second)
    make_subscriber(first, status="stopped")
    make_subscriber(make_list(first.workspace))
    assert sorted(recipients([first.pk, second.pk]).values_list("pk", flat=True)) == [both.pk, only.pk]
    assert list(recipients([first.pk])) == [both]
    assert list(recipients([])) == []
