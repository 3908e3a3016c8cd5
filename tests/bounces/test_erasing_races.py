"""Erasing a person while somebody else's transaction writes rows that name them."""

import threading
import time

import pytest
from django.db import connection, transaction

from bounces.bulk_erasing import ERASING
from bounces.erasing import erase_people
from lists.bulk import look, queue_bulk
from lists.bulk_turns import run_bulk
from lists.finding import Search
from lists.models import BulkAction, BulkState, MailingList, Subscriber, Subscription
from tests.factories import make_list, make_subscriber, make_user, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db(transaction=True)


class Placer:
    """Somebody who puts a person on a list within a transaction that lasts for a moment, as a merge does."""

    def __init__(self, mailing_list: MailingList, person: Subscriber) -> None:
        self.place = Subscription(mailing_list=mailing_list, subscriber=person)
        self.has_begun = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        try:
            with transaction.atomic():
                self.place.save()
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                self.has_begun.set()
                time.sleep(0.5)
        finally:
            connection.close()

    def __enter__(self) -> None:
        self.thread.start()
        assert self.has_begun.wait(30)

    def __exit__(self, *_fault: object) -> None:
        self.thread.join(30)


def test_a_person_is_erased_who_is_being_put_on_a_list() -> None:
    workspace = make_workspace()
    person = make_subscriber(make_list(workspace))
    with Placer(make_list(workspace), person):
        assert erase_people([person.pk], workspace=workspace, actor=None, now=NOW) == 1
    assert not Subscriber.objects.exists()
    assert not Subscription.objects.exists()


def test_people_are_erased_in_bulk_who_are_being_put_on_a_list() -> None:
    workspace = make_workspace()
    person = make_subscriber(make_list(workspace))
    job = queue_bulk(workspace, look(workspace, Search()), BulkAction.ERASE, actor=make_user(workspace))
    with Placer(make_list(workspace), person):
        run_bulk(job.pk, now=NOW, acts=ERASING)
    job.refresh_from_db()
    assert (job.state, job.changed) == (BulkState.DONE, 1)
    assert not Subscriber.objects.exists()
