"""The fields that forms of several apps share."""

import pytest
from django import forms
from django.core.exceptions import ValidationError

from accounts.form_fields import one_line, password_field, username_field


class LineForm(forms.Form):
    line = forms.CharField(required=False, strip=False, validators=[one_line])


class LoginForm(forms.Form):
    username = username_field("", max_length=5)
    password = password_field()


@pytest.mark.parametrize("text", ["", "みほん商店", "a b\u3000c", "家族 \U0001f468\u200d\U0001f469\u200d\U0001f467"])
def test_a_line_may_hold_any_writing(text: str) -> None:
    form = LineForm({"line": text})
    assert form.is_valid()
    assert form.cleaned_data["line"] == text


@pytest.mark.parametrize(
    "mark",
    [
        "\r\n",
        "\n",
        "\t",
        "\0",
        "\x0b",
        "\x1b",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\u202a",
        "\u202e",
        "\u2066",
        "\u2069",
    ],
)
def test_refuses_what_could_add_a_header_or_disguise_a_name(mark: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        one_line(f"みほん{mark}商店")
    assert refusal.value.code == "header_injection"


def test_a_password_keeps_its_spaces_and_is_never_shown() -> None:
    form = LoginForm({"username": " me ", "password": " secret "})
    assert form.is_valid()
    assert form.cleaned_data == {"username": "me", "password": " secret "}
    assert "secret" not in form.as_p()


def test_a_login_needs_a_user_and_both_on_one_line() -> None:
    assert list(LoginForm({}).errors) == ["username"]
    assert list(LoginForm({"username": "a\nb", "password": "a\nb"}).errors) == ["username", "password"]
    assert list(LoginForm({"username": "longer"}).errors) == ["username"]
