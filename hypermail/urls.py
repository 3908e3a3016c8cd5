"""The URL tree."""

from contextlib import suppress
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from hypermail import health, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("settings/", views.workspace_settings, name="settings"),
    path("settings/limit-preview/", views.limit_preview, name="settings_limit_preview"),
    path("theme/", views.set_theme, name="theme"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("accounts.urls")),
]
# While the apps are being built.
for app in ("lists", "senders", "campaigns", "bounces", "mta"):
    if find_spec(f"{app}.urls"):
        with suppress(ImportError):
            urlpatterns.append(path("", include(f"{app}.urls")))
