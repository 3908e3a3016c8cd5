"""Template context that every page shares."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, Workspace
from accounts.time_zones import zone_words

THEME_COOKIE = "theme"
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the main navigation: a URL name, its label and its icon."""

    name: str
    label: Any
    icon: str


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under one heading of the navigation; the first group has none."""

    label: Any
    places: tuple[Place, ...]


GROUPS = (
    Group("", (Place("home", _("ホーム"), "house"),)),
    Group(
        _("メール"),
        (
            Place("campaign_index", _("配信"), "send"),
            Place("design_index", _("テンプレート"), "layout-template"),
            Place("history", _("配信履歴"), "history"),
        ),
    ),
    Group(
        _("名簿"),
        (
            Place("list_index", _("リスト"), "layers"),
            Place("signup_index", _("登録フォーム"), "clipboard-pen"),
            Place("subscriber_index", _("購読者"), "users"),
            Place("segment_index", _("セグメント"), "funnel"),
            Place("exclusion_index", _("除外リスト"), "ban"),
            Place("cleaning_upload", _("事前クリーニング"), "sparkles"),
        ),
    ),
    Group(
        _("エラー"),
        (
            Place("error_report", _("エラーレポート"), "chart-column"),
            Place("stopped_index", _("停止アドレス"), "user-x"),
            Place("notice_index", _("エラーメール"), "mail-x"),
        ),
    ),
    Group(
        _("差出人と設定"),
        (
            Place("sender_index", _("送信元"), "at-sign"),
            Place("diagnosis", _("配信診断"), "stethoscope"),
            Place("settings", _("設定"), "settings"),
            Place("sandbox_index", _("サンドボックス"), "flask-conical"),
        ),
    ),
)

# For the operator of the installation only.
OPERATOR_GROUP = Group(
    _("運営"),
    (
        Place("operator_gates", _("配信エラー率"), "shield-alert"),
        Place("route_index", _("配信経路"), "route"),
        Place("server_checks", _("送信サーバー"), "server"),
        Place("operator_paces", _("送信ペース"), "gauge"),
        Place("operator_exclusion_index", _("除外リスト(全体)"), "ban"),
    ),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return what the base layout needs: the places to go, the workspaces, the theme and the nonce of the CSP."""
    membership: Membership | None = getattr(request, "membership", None)
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "sandbox_enabled": settings.SANDBOX,
        "navigation": list(find_entries(request.path, groups_for(request, membership))),
        "workspaces": find_workspaces(membership) if membership else [],
        "zone_note": zone_note(request),
        "theme": theme if theme in THEMES else "",
        # django-htmx looks for the nonce under this name, django-csp gives it as CSP_NONCE.
        "csp_nonce": getattr(request, "csp_nonce", None),
    }


def zone_note(request: HttpRequest) -> str:
    """Return whose times a page shows, where they are not simply Japan's; on the operator's pages always."""
    is_said = getattr(request, "is_of_installation", False) or get_current_timezone_name() != "Asia/Tokyo"
    return zone_words() if is_said else ""


def groups_for(request: HttpRequest, membership: Membership | None) -> tuple[Group, ...]:
    """Return where a person may go: in the workspace, and as the operator."""
    user = getattr(request, "user", None)
    is_operator = user is not None and user.is_superuser
    return (GROUPS if membership else ()) + ((OPERATOR_GROUP,) if is_operator else ())


def find_entries(path: str, groups: Iterable[Group]) -> Iterator[dict[str, Any]]:
    """Yield the headings of the navigation with their entries; the one whose URL begins the path of the request is the
    current one.
    """
    found = [(group.label, [place for place in group.places if is_there(place)]) for group in groups]
    urls = {place: reverse(place.name) for _label, places in found for place in places}
    home = reverse("home")
    # /bounces/stopped/ and /bounces/ could both be meant: the longest beginning is.
    beginnings = [url for url in urls.values() if path == url or (url != home and path.startswith(url))]
    current = max(beginnings, key=len, default="")
    for label, places in found:
        entries = [
            {"url": urls[place], "label": place.label, "icon": place.icon, "is_current": urls[place] == current}
            for place in places
        ]
        yield {"label": label, "entries": entries}


def is_there(place: Place) -> bool:
    """Say whether this installation has such pages."""
    return place.name != "sandbox_index" or bool(settings.SANDBOX)


def find_workspaces(membership: Membership) -> list[Workspace]:
    """Return the workspaces of a member, to be switched between."""
    return list(Workspace.objects.filter(memberships__user_id=membership.user_id).order_by("pk"))
