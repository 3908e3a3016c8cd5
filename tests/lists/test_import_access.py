"""Who may open the pages of imports, and what they show a viewer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from lists.models import CsvImport, ImportState, RejectedRow
from tests.factories import make_user, make_workspace
from tests.lists.clock import NOW
from tests.lists.pages import text_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]

READ = ["import_detail", "import_progress"]
WRITE = ["import_upload", "import_columns", "import_check"]
POST_ONLY = ["import_rejected_csv", "import_discard", "import_run", "import_reopen", "import_cancel"]


def url_of(name: str, csv_import: CsvImport) -> str:
    if name == "import_upload":
        return reverse(name, args=[csv_import.mailing_list_id])
    return reverse(name, args=[csv_import.pk])


@pytest.mark.parametrize("name", READ + WRITE + POST_ONLY)
def test_each_page_asks_for_its_role(finished: CsvImport, viewer: Client, client_for: ClientFor, name: str) -> None:
    url = url_of(name, finished)
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    call = "post" if name in POST_ONLY else "get"
    assert getattr(Client(), call)(url)["Location"].startswith(reverse("account_login"))
    assert getattr(stranger, call)(url).status_code == 404
    assert getattr(viewer, call)(url).status_code == (200 if name in READ else 403)
    if name in POST_ONLY:
        assert viewer.get(url).status_code == 405


@pytest.mark.parametrize("name", ["import_upload", "import_columns"])
def test_a_viewer_imports_nothing(finished: CsvImport, viewer: Client, name: str) -> None:
    assert viewer.post(url_of(name, finished), {"name": "x"}).status_code == 403
    assert CsvImport.objects.count() == 1


def test_a_viewer_sees_a_result_without_its_file(finished: CsvImport, viewer: Client) -> None:
    assert RejectedRow.objects.exists()
    assert "ダウンロード" not in text_of(viewer.get(url_of("import_detail", finished)))


def test_progress_shows_where_an_import_stands(editor: Client, finished: CsvImport) -> None:
    url = reverse("import_progress", args=[finished.pk])
    rows = CsvImport.objects.filter(pk=finished.pk)
    rows.update(state=ImportState.RUNNING, rows_total=5000, rows_done=2000, heartbeat_at=NOW + timedelta(days=1))
    assert "2,000 / 5,000" in text_of(editor.get(url))
    rows.update(rows_done=5000)
    assert "リストに反映しています" in text_of(editor.get(url))
    assert "HX-Redirect" not in editor.get(url)


@pytest.mark.parametrize("name", ["import_upload", "import_detail"])
def test_an_editor_opens_each_page(editor: Client, finished: CsvImport, name: str) -> None:
    response = editor.get(url_of(name, finished))
    assert response.status_code == 200
    assert finished.mailing_list.name in text_of(response)


def test_the_columns_of_an_import_that_is_over_lead_to_its_result(editor: Client, finished: CsvImport) -> None:
    response: Any = editor.get(url_of("import_columns", finished))
    assert response["Location"] == reverse("import_detail", args=[finished.pk])
