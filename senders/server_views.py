"""The operator's page of 送信サーバー: what the DNS says of the sending addresses and of the names that we use."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import operator_required
from accounts.requests import OperatorRequest
from senders.dns import default_resolver
from senders.lights import TONES
from senders.models import CheckResult, ServerCheck
from senders.server_checks import check_servers, own_servers
from senders.server_store import list_checks, result_word, store_servers

# DNS caches make a quicker second look worthless, and each holds a thread of the web server.
CHECK_INTERVAL = timedelta(minutes=1)


@require_GET
@operator_required
def server_checks(request: OperatorRequest) -> HttpResponse:
    """Show the newest results, and which settings are missing."""
    checks = list_checks()
    context = {
        "rows": [(check, TONES[CheckResult(check.result)], result_word(check)) for check in checks],
        "checked_at": max((check.checked_at for check in checks), default=None),
        "ips": settings.SENDING_IPS,
        "include": settings.SPF_INCLUDE,
        "blocklists": settings.BLOCKLISTS,
        "hours": settings.RECHECK_HOURS,
    }
    return render(request, "senders/server_checks.html", context)


@require_POST
@operator_required
def server_check_now(request: OperatorRequest) -> HttpResponse:
    """Check now, live; once in CHECK_INTERVAL."""
    now = timezone.now()
    if ServerCheck.objects.filter(checked_at__gt=now - CHECK_INTERVAL).exists():
        messages.warning(request, _("確認したばかりです。1分ほど待ってから、もう一度「確認する」を押してください。"))
    elif not settings.SENDING_IPS:
        messages.warning(request, _("SENDING_IPS が未設定のため、確認できません。"))
    else:
        store_servers(check_servers(own_servers(), default_resolver(), blocklists=settings.BLOCKLISTS), now=now)
        messages.success(request, _("送信サーバーの DNS を確認しました。"))
    return redirect("server_checks")
