"""Says for how long name servers may still tell what they told: TTL in words."""

import math
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from senders.models import CheckResult, DnsCheck


def explain_freshness(check: DnsCheck, *, now: datetime) -> str:
    """Return for how long name servers may still tell what a check found, or that there is nothing; empty where they do not."""
    if check.result in (CheckResult.OK, CheckResult.UNKNOWN) or not check.ttl:
        return ""
    until = check.checked_at + timedelta(seconds=check.ttl)
    if until <= now:
        return ""
    values = {"time": say_seconds(check.ttl), "until": date_format(timezone.localtime(until), "n月j日(D) H:i")}
    if check.result == CheckResult.MISSING:
        return (
            _(
                "DNS は、「登録がない」という答えを最大%(time)sのあいだ覚えています。"
                "登録してもすぐに見つからないときは、%(until)s ごろを過ぎてから確認してください。"
            )
            % values
        )
    return (
        _(
            "この名前の情報は、最大%(time)s、古いまま見えることがあります。"
            "直してもすぐに変わらないときは、%(until)s ごろを過ぎてから確認してください。"
        )
        % values
    )


def say_seconds(seconds: int) -> str:
    """Return a time in words, rounded up."""
    minutes = math.ceil(seconds / 60)
    if minutes < 120:
        return _("%(count)d分") % {"count": minutes}
    hours = math.ceil(minutes / 60)
    if hours < 48:
        return _("%(count)d時間") % {"count": hours}
    return _("%(count)d日") % {"count": math.ceil(hours / 24)}
