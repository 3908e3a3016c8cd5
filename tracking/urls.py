"""URLs of 計測. The links in mails are named by the app above, which knows how their tags are filled."""

from django.urls import URLPattern, path

from tracking import views

urlpatterns: list[URLPattern] = [
    path("settings/tracking/", views.tracking_settings, name="tracking_settings"),
]
