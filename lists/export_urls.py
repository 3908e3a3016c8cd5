"""URLs of exports."""

from django.urls import URLPattern, path

from lists import export_views

urlpatterns: list[URLPattern] = [
    path("lists/<int:pk>/export/", export_views.export_list, name="list_export"),
    path("segments/<int:pk>/export/", export_views.export_segment, name="segment_export"),
    path("subscribers/export/", export_views.export_search, name="subscriber_export"),
]
