"""URLs of actions on many subscribers."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
