"""The URL tree."""

from django.urls import URLPattern, URLResolver, include, path

import tracking.views
from campaigns import reactions
from hypermail import health, views

urlpatterns: list[URLPattern | URLResolver] = [
    # What all recipients ask for stands first: each pattern before it costs time.
    path(
        "c/<int:campaign>/<int:number>/<str:token>",
        tracking.views.click,
        {"fill_target": reactions.fill_target},
        name="click",
    ),
    path("o/<int:campaign>/<str:token>.gif", tracking.views.open_pixel, name="open_pixel"),
    path("l/<str:token>", tracking.views.link_proof, name="link_proof"),
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
    path("", include("designs.urls")),
    path("", include("tracking.urls")),
    path("", include("campaigns.urls")),
    path("", include("archive.urls")),
    path("", include("signup.urls")),
    path("", include("bounces.urls")),
    path("", include("mta.urls")),
]
