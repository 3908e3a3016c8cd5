"""The URL tree."""

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
    path("", include("lists.urls")),
    path("", include("senders.urls")),
    path("", include("cleaning.urls")),
    path("", include("campaigns.urls")),
    path("", include("bounces.urls")),
    path("", include("mta.urls")),
]
