"""URLs of segments."""

from django.urls import URLPattern, path

from lists import segment_views

urlpatterns: list[URLPattern] = [
    path("segments/", segment_views.index, name="segment_index"),
    path("segments/new/", segment_views.create, name="segment_create"),
    path("segments/count/", segment_views.count, name="segment_draft_count"),
    path("segments/<int:pk>/", segment_views.detail, name="segment_detail"),
    path("segments/<int:pk>/edit/", segment_views.edit, name="segment_edit"),
    path("segments/<int:pk>/count/", segment_views.count_stored, name="segment_count"),
    path("segments/<int:pk>/delete/", segment_views.delete, name="segment_delete"),
]
