"""The dry run points out addresses that can be sent to and are remarkable all the same."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from lists.import_checking import check_import
from lists.import_hints import describe_hints
from lists.models import CsvImport, Subscriber
from tests.factories import make_list, make_user
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db

FILE = """メールアドレス
taro..yamada.@docomo.ne.jp
info@example.jp
postmaster@mailinator.com
hanako@example.jp
"""


@pytest.fixture
def checked(queue_csv: Callable[..., CsvImport]) -> CsvImport:
    csv_import = queue_csv(make_list(), FILE)
    CsvImport.objects.filter(pk=csv_import.pk).update(state="waiting")
    assert check_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    return csv_import


def test_hints_are_counted_with_examples(checked: CsvImport) -> None:
    """An address may have two hints; none of them keeps it from being imported (F1)."""
    found = [(hint.label, hint.number, hint.samples) for hint in describe_hints(checked)]
    assert found == [
        ("古い携帯電話のアドレス", 1, [(2, "taro..yamada.@docomo.ne.jp")]),
        ("役割のアドレス", 2, [(3, "info@example.jp"), (4, "postmaster@mailinator.com")]),
        ("使い捨てのアドレス", 1, [(4, "postmaster@mailinator.com")]),
    ]
    assert checked.forecast["new"] == 4
    assert not Subscriber.objects.exists()


def test_the_page_of_the_dry_run_shows_them(client: Client, checked: CsvImport) -> None:
    client.force_login(make_user(checked.workspace))
    page = client.get(reverse("import_check", args=[checked.pk])).content.decode()
    assert "宛先の注意" in page
    assert "使い捨てのアドレス" in page
