"""The reasons for which 事前クリーニング takes a row out, and sets of them as bits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Flaw(TextChoices):
    """Why a row is taken out. The order is that of the pages."""

    FORMAT = "format", _("書式")
    DUPLICATE = "duplicate", _("重複")
    STOPPED = "stopped", _("停止済み")
    UNSUBSCRIBED = "unsubscribed", _("購読解除")
    PAST_ERRORS = "past_errors", _("過去エラー")
    EXCLUDED = "excluded", _("除外リスト")
    ERASED = "erased", _("消去済み")
    NO_DOMAIN = "no_domain", _("ドメイン不存在")
    DISPOSABLE = "disposable", _("捨てアドレス")
    TYPO = "typo", _("打ち間違い")


# What each means, for the page of the result.
MEANINGS: Mapping[Flaw, object] = {
    Flaw.FORMAT: _("メールアドレスとして読めない行、文字が壊れている行"),
    Flaw.DUPLICATE: _("同じアドレスがファイルの上の行にもある"),
    Flaw.STOPPED: _("このワークスペースで配信停止になっている(エラー停止、手動停止)"),
    Flaw.UNSUBSCRIBED: _("本人が配信を断っている(購読解除、苦情)"),
    Flaw.PAST_ERRORS: _("配信停止ではないが、これまでの配信でエラーになっている"),
    Flaw.EXCLUDED: _("除外リストにあるアドレスまたはドメイン"),
    Flaw.ERASED: _("依頼などにより個人情報を消去した宛先"),
    Flaw.NO_DOMAIN: _("ドメインがないか、メールを受け取らない(DNSで確認)"),
    Flaw.DISPOSABLE: _("その場限りの使い捨てアドレスのサービス"),
    Flaw.TYPO: _("gmial.com のような、フリーメールや携帯のドメインの書き間違い"),
}

BITS: Mapping[Flaw, int] = {flaw: 1 << position for position, flaw in enumerate(Flaw)}


def mask_of(flaws: Iterable[Flaw]) -> int:
    """Return a set of flaws as bits."""
    mask = 0
    for flaw in flaws:
        mask |= BITS[flaw]
    return mask


def flaws_of(mask: int) -> list[Flaw]:
    """Return the flaws of a set of bits, in the order of the pages."""
    return [flaw for flaw, bit in BITS.items() if mask & bit]


def count_rows(masks: Mapping[int, int], chosen: Collection[Flaw]) -> int:
    """Return how many rows have one of the chosen flaws; `masks` says how many rows have which set of bits."""
    wanted = mask_of(chosen)
    return sum(number for mask, number in masks.items() if mask & wanted)


def count_flaw(masks: Mapping[int, int], flaw: Flaw) -> int:
    """Return how many rows have a flaw, alone or with others."""
    return count_rows(masks, [flaw])
