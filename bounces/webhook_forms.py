"""Forms of webhooks."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bounces.models import Service, Webhook
from bounces.webhook_signatures import load_sendgrid_key

TOPIC = re.compile(r"arn:aws(?:-[a-z]+){0,2}:sns:[a-z0-9-]{3,40}:[0-9]{12}:[A-Za-z0-9_.-]{1,261}")
MAX_TOPICS = 20
# What each service calls what it signs with, and where it is found. Amazon SNS needs none.
SECRETS = {
    Service.SENDGRID: (
        _("Verification Key(公開鍵)"),
        _("SendGridの「Event Webhook」で「Signed Event Webhook」を有効にすると表示されます。"),
    ),
    Service.MAILGUN: (
        _("HTTP webhook signing key"),
        _("Mailgunの「API Security」に表示されます。APIキーとは別のものです。"),
    ),
    Service.POSTMARK: (
        _("パスワード"),
        _(
            "自由に決めて、PostmarkのWebhookの「Basic auth credentials」にも入力します。ユーザー名は何でもかまいません。"
        ),
    ),
}


class WebhookCreateForm(forms.Form):
    """Which service tells."""

    service = forms.ChoiceField(label=_("サービス"), choices=Service.choices)


class WebhookForm(forms.Form):
    """What a webhook takes; the fields depend on its service."""

    topics = forms.CharField(
        label=_("許可するトピックのARN"),
        help_text=_("1行に1つ書きます(例: arn:aws:sns:ap-northeast-1:123456789012:bounces)。"),
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        max_length=MAX_TOPICS * 400,
    )
    secret = forms.CharField(
        required=False,
        max_length=2000,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    is_active = forms.BooleanField(label=_("受け付ける"), required=False)

    def __init__(self, data: Any = None, *, webhook: Webhook) -> None:
        super().__init__(data, initial={"topics": webhook.topics, "is_active": webhook.is_active})
        self.service = Service(webhook.service)
        if self.service == Service.SES:
            del self.fields["secret"]
            return
        del self.fields["topics"]
        field = self.fields["secret"]
        field.label, field.help_text = SECRETS[self.service]
        if webhook.secret:
            field.widget.attrs["placeholder"] = _("登録済み(変えるときだけ入力)")
        else:
            # Postmark signs nothing; there the secret address may do.
            field.required = self.service != Service.POSTMARK

    def clean_topics(self) -> list[str]:
        """Return the topics, each once."""
        topics = list(dict.fromkeys(self.cleaned_data["topics"].split()))
        if wrong := next((topic for topic in topics if not TOPIC.fullmatch(topic)), ""):
            raise forms.ValidationError(_("SNSトピックのARNではありません: %(topic)s"), params={"topic": wrong[:100]})
        if len(topics) > MAX_TOPICS:
            raise forms.ValidationError(_("トピックは%(limit)d個までです。"), params={"limit": MAX_TOPICS})
        return topics

    def clean_secret(self) -> str:
        """Refuse a key of SendGrid that cannot be read."""
        secret: str = self.cleaned_data["secret"]
        if self.service == Service.SENDGRID and secret and load_sendgrid_key(secret) is None:
            raise forms.ValidationError(
                _("公開鍵として読めません。SendGridの画面の文字列をそのまま貼り付けてください。")
            )
        return secret
