"""URLs of 事前クリーニング."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
