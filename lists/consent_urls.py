"""URLs of the ledger of consents."""

from django.urls import URLPattern, path

from lists import consent_views

urlpatterns: list[URLPattern] = [
    path("consents/", consent_views.index, name="consent_index"),
    path("consents/export/", consent_views.export, name="consent_export"),
]
