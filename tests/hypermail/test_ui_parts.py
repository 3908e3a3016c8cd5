"""Components, theme, navigation and the pages for errors."""

import pytest
from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import Role
from campaigns.models import Campaign
from hypermail.middleware import DeletedMeanwhileMiddleware
from tests.factories import make_user, make_workspace


class ExampleForm(forms.Form):
    """One field of each sort."""

    name = forms.CharField(label="お名前", help_text="漢字でもかなでも", max_length=10)
    agreed = forms.BooleanField(label="同意する")
    way = forms.ChoiceField(label="方法", choices=[("a", "追加"), ("b", "差し替え")], widget=forms.RadioSelect)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def render_field(form: forms.Form, name: str, **context: object) -> str:
    return render_to_string("components/_field.html", {"field": form[name], **context})


def test_field_has_label_help_and_mark_of_what_is_needed() -> None:
    html = render_field(ExampleForm(), "name")
    assert '<label class="field-label" for="id_name">お名前' in html
    assert "必須" in html
    assert 'id="id_name_helptext">漢字でもかなでも' in html
    assert 'aria-describedby="id_name_helptext"' in html
    assert "style=" not in html


def test_field_shows_its_errors_and_the_hint_of_the_page() -> None:
    html = render_field(ExampleForm({"name": "長" * 11}), "name", hint="10文字までです")
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_name_helptext id_name_error id_name_hint"' in html
    assert 'id="id_name_error"' in html
    assert 'id="id_name_hint">10文字までです' in html


def test_value_of_a_refused_field_is_escaped() -> None:
    html = render_field(ExampleForm({"name": "<script>alert(1)</script>"}), "name")
    assert "<script>" not in html


def test_check_box_stands_before_its_label() -> None:
    html = render_field(ExampleForm(), "agreed")
    assert html.index('type="checkbox"') < html.index("同意する")


def test_choices_are_a_group_with_a_legend() -> None:
    html = render_field(ExampleForm(), "way")
    assert "<fieldset" in html
    assert "<legend" in html
    assert html.count('type="radio"') == 2


def test_hidden_field_is_nothing_but_itself() -> None:
    assert render_field(ExampleForm(), "secret").strip() == '<input type="hidden" name="secret" id="id_secret">'


def test_form_errors_name_what_is_wrong_as_a_whole() -> None:
    form = ExampleForm({})
    assert "赤字の項目" in render_to_string("components/_form_errors.html", {"form": form})
    form.add_error(None, "送信元がありません。")
    assert "送信元がありません。" in render_to_string("components/_form_errors.html", {"form": form})
    assert not render_to_string("components/_form_errors.html", {"form": ExampleForm()}).strip()


def test_pager_keeps_the_filters() -> None:
    page = Paginator(range(1234), 50).get_page(2)
    request = RequestFactory().get("/", {"q": "やま", "state": "stopped"})
    html = render_to_string("components/_pager.html", {"page": page}, request)
    assert "51〜100件目" in html
    assert "state=stopped&amp;page=3" in html
    assert "state=stopped&amp;page=1" in html
    alone = Paginator(range(3), 50).get_page(1)
    assert not render_to_string("components/_pager.html", {"page": alone}, request).strip()


def test_pager_ends_at_the_ends() -> None:
    request = RequestFactory().get("/")
    pages = Paginator(range(60), 50)
    for number, rel in ((1, "prev"), (2, "next")):
        html = render_to_string("components/_pager.html", {"page": pages.get_page(number)}, request)
        assert f'rel="{rel}"' not in html
        assert 'aria-disabled="true"' in html


def test_stat_opens_what_it_counts() -> None:
    html = render_to_string("components/_stat.html", {"label": "失敗", "value": 12345, "url": "/x/", "tone": "bad"})
    assert "12,345" in html
    assert '<a class="stat" href="/x/">' in html
    assert "<a" not in render_to_string("components/_stat.html", {"label": "失敗", "value": 0})


def test_progress_has_a_name_and_never_divides_by_nothing() -> None:
    html = render_to_string("components/_progress.html", {"value": 0, "max": 0, "label": "進みぐあい"})
    assert 'max="1"' in html
    assert 'aria-label="進みぐあい"' in html


def test_dialog_is_a_post_form() -> None:
    context = {
        "id": "stop",
        "heading": "止めますか?",
        "text": "残りは送りません。",
        "action_url": "/x/",
        "button": "止める",
    }
    html = render_to_string("components/_dialog.html", context | {"tone": "danger"}, RequestFactory().get("/"))
    assert '<dialog class="dialog" id="stop" aria-labelledby="stop-heading">' in html
    assert 'method="post" action="/x/"' in html
    assert "csrfmiddlewaretoken" in html
    assert "button-danger" in html
    assert "button-primary" in render_to_string("components/_dialog.html", context, RequestFactory().get("/"))


def test_empty_state_says_what_to_do_next() -> None:
    context = {"icon": "inbox", "heading": "まだありません", "text": "作りましょう", "url": "/new/", "label": "作る"}
    html = render_to_string("components/_empty.html", context)
    assert '<a class="button button-primary" href="/new/">作る</a>' in html
    assert "<a" not in render_to_string("components/_empty.html", context | {"url": ""})


def test_icons_are_silent_for_screen_readers() -> None:
    html = Template('{% load ui %}{% icon "mail" size=18 %}').render(Context())
    assert html.startswith("<svg")
    assert 'aria-hidden="true"' in html
    assert 'width="18"' in html


@pytest.mark.django_db
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_theme_is_kept_in_a_cookie(client: Client, theme: str) -> None:
    answer = client.post("/theme/", {"theme": theme, "next": "/accounts/login/?next=/"})
    assert answer["Location"] == "/accounts/login/?next=/"
    cookie = answer.cookies["theme"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == (theme, True, "Lax")
    assert f'<html lang="ja" data-theme="{theme}">' in client.get("/accounts/login/").content.decode()
    client.post("/theme/", {"theme": "system"})
    assert '<html lang="ja">' in client.get("/accounts/login/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("after", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_theme_never_leads_to_another_site(client: Client, after: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": after})["Location"] == "/"


@pytest.mark.django_db
def test_cookie_with_nonsense_is_no_theme(client: Client) -> None:
    client.cookies["theme"] = '"><script>'
    assert '<html lang="ja">' in client.get("/accounts/login/").content.decode()


@pytest.mark.django_db
def test_navigation_marks_where_one_is(client: Client) -> None:
    client.force_login(make_user(make_workspace()))
    html = client.get("/settings/members/").content.decode()
    current = [part for part in html.split("<a ") if 'aria-current="page"' in part and "nav-link" in part]
    # Once in the side bar and once in the menu of small screens.
    assert len(current) == 2
    assert all("設定" in part for part in current)


@pytest.mark.django_db
def test_sandbox_is_in_the_navigation_only_where_it_is(client: Client, settings: Settings) -> None:
    client.force_login(make_user(make_workspace()))
    settings.SANDBOX = False
    assert "サンドボックス" not in client.get("/settings/").content.decode()
    settings.SANDBOX = True
    assert "サンドボックス" in client.get("/settings/").content.decode()


@pytest.mark.django_db
def test_refused_member_reads_why_and_can_go_on(client: Client) -> None:
    client.force_login(make_user(make_workspace(), role=Role.VIEWER))
    answer = client.get("/settings/")
    assert answer.status_code == 403
    assert "管理者に依頼してください" in answer.content.decode()


def test_page_for_bugs_needs_nothing_but_itself() -> None:
    html = render_to_string("500.html")
    assert "もう一度お試しください" in html
    assert 'lang="ja"' in html


@pytest.mark.django_db
def test_request_for_another_host_gets_a_page(client: Client) -> None:
    answer = client.get("/accounts/login/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "もう一度お試しください" in answer.content.decode()


@pytest.mark.parametrize("name", ["400.html", "429.html"])
@pytest.mark.django_db
def test_other_errors_say_what_to_do(name: str) -> None:
    html = render_to_string(name, request=RequestFactory().get("/"))
    assert "もう一度お試しください" in html


@pytest.mark.django_db
def test_the_operator_finds_own_pages_under_a_heading(client: Client) -> None:
    user = make_user(make_workspace())
    client.force_login(user)
    assert "運営" not in client.get("/settings/").content.decode()
    type(user).objects.filter(pk=user.pk).update(is_superuser=True)
    html = client.get("/operator/routes/").content.decode()
    [after, *_again] = [part for part in html.split('class="nav-heading"') if "運営</p>" in part]
    assert all(label in after for label in ("配信エラー率", "配信経路", "送信ペース"))
    assert 'aria-current="page"' in after


@pytest.mark.django_db
def test_the_address_of_a_button_gets_a_page(client: Client) -> None:
    """Whoever opens it by the history or the address bar finds the way back."""
    answer = client.get("/campaigns/7/test/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert 'href="/campaigns/7/"' in answer.content.decode()
    assert "元の画面を開く" not in client.get("/theme/").content.decode()
    assert client.put("/theme/").content == b""


@pytest.mark.django_db
def test_a_mailing_that_is_deleted_meanwhile_is_not_found(client: Client) -> None:
    """Whatever page was about to change it; any other fault stays one."""
    request = client.get("/theme/").wsgi_request
    layer = DeletedMeanwhileMiddleware(lambda _request: HttpResponse())
    answer = layer.process_exception(request, Campaign.DoesNotExist())
    assert answer is not None
    assert answer.status_code == 404
    assert layer.process_exception(request, ValueError()) is None
