"""The files in demo/ import as the README says."""

from collections.abc import Callable

import pytest
from django.conf import settings

from lists.models import CsvImport, ImportMode
from tests.factories import make_list

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "encoding", "rejected", "duplicate"),
    [
        ("kaiin_utf8.csv", "utf-8-sig", 3, 1),
        ("meibo_cp932.csv", "cp932", 3, 1),
        ("sashikae_utf8.csv", "utf-8-sig", 1, 1),
    ],
)
def test_a_demo_file_imports_with_a_few_broken_rows(
    import_csv: Callable[..., CsvImport], name: str, encoding: str, rejected: int, duplicate: int
) -> None:
    done = import_csv(make_list(), (settings.BASE_DIR / "demo" / name).read_bytes(), name=name)
    assert (done.encoding, done.rows_rejected, done.rows_duplicate) == (encoding, rejected, duplicate)
    assert done.columns == {"0": "address", "1": "name", "2": "会社名", "3": "都道府県", "4": "会員ランク"}
    assert 60 <= done.rows_new <= 120


def test_the_replacement_adds_changes_and_removes(import_csv: Callable[..., CsvImport]) -> None:
    mailing_list = make_list()
    demo = settings.BASE_DIR / "demo"
    import_csv(mailing_list, (demo / "kaiin_utf8.csv").read_bytes())
    done = import_csv(mailing_list, (demo / "sashikae_utf8.csv").read_bytes(), ImportMode.REPLACE)
    assert min(done.rows_new, done.rows_updated, done.rows_unchanged, done.rows_removed) >= 5
