"""URLs of exports."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
