"""URLs of the 除外リスト."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
