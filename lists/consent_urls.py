"""URLs of the consent ledger."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
