"""Forms of テスト配信先 and of test mails."""

from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import RowsField, one_line
from accounts.models import User, Workspace
from campaigns.models import MOST_SEEDS, MOST_TESTERS, Campaign, Tester
from lists.address import InvalidAddress, clean_address
from lists.models import Subscriber

# So many of the newest test mails tell whom the next one goes to.
REMEMBERED: Final = 20


class TesterForm(forms.ModelForm[Tester]):
    """Name and address of a tester, and whether he is a seed; the instance has the workspace."""

    name = forms.CharField(
        label=_("名前"),
        max_length=100,
        validators=[one_line],
        error_messages={"required": _("名前を入力してください。")},
    )
    address = forms.CharField(
        label=_("メールアドレス"),
        max_length=320,
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off"}),
        error_messages={"required": _("メールアドレスを入力してください。")},
    )

    class Meta:
        model = Tester
        fields = ("name", "address", "is_seed")
        help_texts = {
            "is_seed": _(
                "配信の開始と同時に、同じメールを1通送ります。GmailやYahoo!メール、携帯キャリアの自社アドレスを登録すると、"
                "実際の届き方を確かめられます。"
            )
        }

    def clean_address(self) -> str:
        """Return the address as it is sent to; refuse one that the workspace has."""
        try:
            address = clean_address(self.cleaned_data["address"]).address
        except InvalidAddress as error:
            raise ValidationError(str(error)) from error
        if self.others().filter(address__iexact=address).exists():
            raise ValidationError(_("このアドレスはすでに登録されています。"), code="taken")
        return address

    def clean_is_seed(self) -> bool:
        """Refuse one seed too many."""
        is_seed: bool = self.cleaned_data["is_seed"]
        if is_seed and self.others().filter(is_seed=True).count() >= MOST_SEEDS:
            raise ValidationError(_("シードは%d件までです。") % MOST_SEEDS, code="many")
        return is_seed

    def clean(self) -> dict[str, Any]:
        """Refuse one tester too many."""
        if self.others().count() >= MOST_TESTERS:
            raise ValidationError(
                _("テスト配信先は%d件までです。使わないものを削除してください。") % MOST_TESTERS, code="many"
            )
        return self.cleaned_data

    def others(self) -> QuerySet[Tester]:
        """Return the testers that there are beside this one."""
        return Tester.objects.filter(workspace=self.instance.workspace).exclude(pk=self.instance.pk)


class TesterField(RowsField[Tester]):
    """Testers, each by name and address."""

    default_error_messages = {"invalid_choice": _("選べないテスト配信先が含まれています。選び直してください。")}


def seeds_words(workspace: Workspace) -> str:
    """Return who gets a copy of a mailing."""
    number = Tester.objects.filter(workspace=workspace, is_seed=True).count()
    if not number:
        return gettext("シードは登録されていません。「設定」の「テスト配信先」で登録できます。")
    return (
        gettext("配信の開始と同時に、登録したシード %d件へ同じメールを1通ずつ送ります。件数には数えません。") % number
    )


class TestMailForm(forms.Form):
    """Where a test mail goes, and whose values it shows."""

    testers = TesterField(
        Tester.objects.none(), label=_("テスト配信先"), required=False, widget=forms.CheckboxSelectMultiple
    )
    address = forms.CharField(label=_("そのほかのアドレス"), max_length=320, required=False)
    with_report = forms.BooleanField(
        label=_("配信前チェックの結果を本文の前に付ける"),
        required=False,
        help_text=_("受け取った人が、いま残っている指摘を読めます。外すと、受信者に届くままの本文を送ります。"),
    )
    subscriber = forms.ModelChoiceField(
        Subscriber.objects.none(), required=False, label=_("差し込みに使う購読者"), empty_label=_("差し込みなし")
    )

    def __init__(self, *args: Any, people: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Subscriber]", self.fields["subscriber"]).queryset = people
        testers = Tester.objects.filter(workspace=workspace)
        cast("forms.ModelMultipleChoiceField[Tester]", self.fields["testers"]).queryset = testers
        if not testers.exists():
            del self.fields["testers"]
            self.fields["address"].label = _("テスト送信先")

    def clean_address(self) -> str:
        """Return the address as it is sent to, "" for none."""
        typed: str = self.cleaned_data["address"]
        try:
            return clean_address(typed).address if typed else ""
        except InvalidAddress as error:
            raise ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        """Refuse a test that goes to nobody."""
        if not (self.errors or self.cleaned_data["address"] or self.cleaned_data.get("testers")):
            self.add_error("address", _("テストメールを送るアドレスを入力するか、テスト配信先を選んでください。"))
        return self.cleaned_data

    def receivers(self) -> dict[str, str]:
        """Return the name of everybody it goes to by address, "" for the one that was typed."""
        named = {tester.address: tester.name for tester in self.cleaned_data.get("testers") or ()}
        typed = self.cleaned_data["address"]
        return named if not typed or typed in named else {**named, typed: ""}


def new_test_form(campaign: Campaign, user: User) -> TestMailForm:
    """Return the form with those ticked who got the newest test mails of the draft; without testers the user's address."""
    newest = campaign.test_mails.filter(is_seed=False).order_by("-pk").values_list("address", flat=True)[:REMEMBERED]
    has_testers = Tester.objects.filter(workspace=campaign.workspace_id).exists()
    initial = {
        "testers": Tester.objects.filter(workspace=campaign.workspace_id, address__in=list(newest)),
        "address": "" if has_testers else user.email,
        "with_report": True,
    }
    return TestMailForm(people=Subscriber.objects.none(), workspace=campaign.workspace, initial=initial)
