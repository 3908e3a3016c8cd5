"""Letters for the time when a provider blocks (D6, D7): filled in from the data, to be copied and sent by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bounces.answers import normalise
from bounces.error_report import read_mailings
from bounces.period_failures import read_page
from bounces.provider_guides import guide_of
from bounces.report_scope import Scope
from bounces.reports import Filter
from campaigns.models import Delivery
from mta.providers import PROVIDER_LABELS, PROVIDERS
from mta.verdicts import Kind
from senders.models import Sender

# Enough for a provider to find the cause; more nobody reads.
EXAMPLES = 3
EXAMPLE_LENGTH = 300


class Letter(models.TextChoices):
    """Who writes to whom."""

    TO_SUBSCRIBER = "to_subscriber", gettext_lazy("受信者へ: 受信許可のお願い")
    FROM_SUBSCRIBER = "from_subscriber", gettext_lazy("受信者からプロバイダへ: ブロック解除の依頼")
    FROM_SENDER = "from_sender", gettext_lazy("送信者からプロバイダへ: ブロック解除の依頼")


@dataclass(frozen=True, slots=True)
class Block:
    """What a letter says of a block. Times are local; `examples` hold no address of a recipient.

    `provider` is its name, empty where the block is of receivers that belong to none.
    """

    provider: str
    domains: str
    sender: Sender
    ips: str
    first: str
    last: str
    number: int
    examples: Sequence[str]

    @property
    def sender_domain(self) -> str:
        """The domain of the From address."""
        return self.sender.address.rpartition("@")[2]


def describe_block(scope: Scope, sender: Sender) -> Block:
    """Collect what the letters name of the blocks of a scope."""
    refused = read_page(scope, Filter(kind=Kind.BLOCK), None).deliveries
    mailings = [mailing for mailing in read_mailings(scope) if mailing.blocked]
    # Mailings begin before anything of them is refused; the newest refusals have their own time.
    times = sorted([mailing.started_at for mailing in mailings] + [row.settled_at for row in refused if row.settled_at])
    return Block(
        provider=_(PROVIDER_LABELS[scope.provider]) if scope.provider in PROVIDERS else "",
        domains="、".join(f"@{domain}" for domain in PROVIDERS.get(scope.provider, ())[:4]),
        sender=sender,
        ips="、".join(settings.SENDING_IPS) or _("(送信元IPアドレスを運用担当者に確かめて記入してください)"),
        first=write_day(times[0]) if times else f"{scope.period.first:%Y/%m/%d}",
        last=write_day(times[-1]) if times else f"{scope.period.last:%Y/%m/%d}",
        number=sum(mailing.blocked for mailing in mailings),
        examples=find_examples(refused),
    )


def write_day(at: datetime) -> str:
    """Write a time as providers look for it in their logs."""
    return f"{timezone.localtime(at):%Y/%m/%d %H:%M}"


def find_examples(deliveries: Sequence[Delivery]) -> list[str]:
    """Return a few different answers with their times, the recipient taken out."""
    found: dict[str, str] = {}
    for delivery in deliveries:
        text = " ".join(hide_recipient(delivery.text, delivery.address).split())[:EXAMPLE_LENGTH]
        # What differs only in numbers is no other example.
        if text and (wording := normalise(text)) not in found:
            at = write_day(delivery.settled_at) if delivery.settled_at else ""
            found[wording] = f"{at} {text}".strip()
        if len(found) == EXAMPLES:
            break
    return list(found.values())


def hide_recipient(text: str, address: str) -> str:
    """Return a server's words without the address of the recipient."""
    for form in (address, address.partition("@")[0]):
        # A name of one or two letters would take half the words with it.
        if len(form) > 2:
            text = re.sub(re.escape(form), "***", text, flags=re.IGNORECASE)
    return text


def write_letter(letter: Letter, block: Block) -> str:
    """Return the text of a letter."""
    return {
        Letter.TO_SUBSCRIBER: to_subscriber,
        Letter.FROM_SUBSCRIBER: from_subscriber,
        Letter.FROM_SENDER: from_sender,
    }[letter](block)


def to_subscriber(block: Block) -> str:
    """Return the letter that asks a subscriber to let our mail in (D6)."""
    return _(
        "件名: メールを受け取っていただくための設定のお願い\n"
        "\n"
        "いつもご利用ありがとうございます。%(legal_name)sです。\n"
        "\n"
        "お申し込みいただいたメールを、%(provider)sアドレスへお送りできないことがあります。\n"
        "ご利用のプロバイダの迷惑メール対策や、受信の設定によって止められているためと考えられます。\n"
        "\n"
        "お手数ですが、次のアドレスまたはドメインからのメールを受信できるように設定してください。\n"
        "\n"
        "  メールアドレス: %(address)s\n"
        "  ドメイン:       %(domain)s\n"
        "\n"
        "設定のしかた\n"
        "  1. ご利用のプロバイダの「迷惑メール対策」や「受信設定」の画面を開きます。\n"
        "  2. 「受信リスト」「指定受信」などに、上のドメインを登録します。\n"
        "  3. 迷惑メールフォルダーに入っていたときは、「迷惑メールではない」を選びます。\n"
        "\n"
        "ご不要の場合は、メールの末尾にある「配信停止」からいつでも解除できます。\n"
        "\n"
        "%(legal_name)s\n"
        "%(postal_address)s\n"
        "お問い合わせ: %(contact)s\n"
    ) % {
        "legal_name": block.sender.legal_name,
        "provider": _("%sの") % block.provider if block.provider else _("ご登録の"),
        "address": block.sender.address,
        "domain": block.sender_domain,
        "postal_address": block.sender.postal_address,
        "contact": block.sender.contact,
    }


def from_subscriber(block: Block) -> str:
    """Return the letter by which a subscriber asks his provider to let our mail in (D7)."""
    return _(
        "件名: 受け取りたいメールが届かない件について\n"
        "\n"
        "%(provider)s ご担当者さま\n"
        "\n"
        "貴社のメールサービスを利用しています。\n"
        "自分で申し込んで受け取っている次の送信者からのメールが、貴社のサーバーで拒否されて届きません。\n"
        "受け取れるように、確認とブロックの解除をお願いします。\n"
        "\n"
        "  送信者:             %(legal_name)s\n"
        "  送信元アドレス:     %(address)s\n"
        "  送信元ドメイン:     %(domain)s\n"
        "  送信元IPアドレス:   %(ips)s\n"
        "  届かなくなった期間: %(first)s 〜 %(last)s\n"
        "  送信者の連絡先:     %(contact)s\n"
        "\n"
        "貴社のサーバーの応答(送信者から聞いたもの)\n"
        "%(examples)s\n"
        "\n"
        "  お名前:\n"
        "  ご契約のメールアドレス:\n"
    ) % words_of(block)


def from_sender(block: Block) -> str:
    """Return the letter by which the sender asks a provider to look at a block (D7)."""
    return _(
        "件名: メール受信拒否の確認と解除のお願い(%(domain)s)\n"
        "\n"
        "%(provider)s メール運用ご担当者さま\n"
        "\n"
        "%(legal_name)sと申します。\n"
        "登録に同意された貴社のお客様へ送ったメールが、貴社のサーバーで拒否されています。\n"
        "原因の確認と、可能であればブロックの解除をお願いいたします。\n"
        "\n"
        "  送信元ドメイン:   %(domain)s\n"
        "  送信元アドレス:   %(address)s\n"
        "  送信元IPアドレス: %(ips)s\n"
        "  宛先のドメイン:   %(domains)s\n"
        "  発生した期間:     %(first)s 〜 %(last)s\n"
        "  拒否された通数:   %(number)s通\n"
        "\n"
        "貴社のサーバーの応答の例\n"
        "%(examples)s\n"
        "\n"
        "当方の取り組み\n"
        "  ・登録に同意した方だけに送り、同意の記録を保管しています。\n"
        "  ・すべてのメールにワンクリックの登録解除(RFC 8058)を付けています。\n"
        "  ・エラーが続くアドレスと、迷惑メール報告のあったアドレスは、自動で配信を停止しています。\n"
        "\n"
        "原因が当方にあるときは、直すべき点をお知らせください。\n"
        "\n"
        "%(legal_name)s\n"
        "%(postal_address)s\n"
        "連絡先: %(contact)s\n"
    ) % words_of(block)


def words_of(block: Block) -> dict[str, str]:
    """Return the words that fill in a letter to a provider."""
    nothing = _("  (この期間に、ブロックと判定した応答はありません)")
    return {
        "provider": block.provider or _("(宛先の会社名)"),
        "legal_name": block.sender.legal_name,
        "postal_address": block.sender.postal_address,
        "address": block.sender.address,
        "domain": block.sender_domain,
        "contact": block.sender.contact,
        "ips": block.ips,
        "domains": block.domains or _("(宛先のドメインを記入してください)"),
        "first": block.first,
        "last": block.last,
        "number": f"{block.number:,}",
        "examples": "\n".join(f"  ・{example}" for example in block.examples) or nothing,
    }


def contact_of(provider: str) -> str:
    """Return the way to write to a provider."""
    return str(guide_of(provider).contact)
