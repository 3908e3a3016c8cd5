"""URLs of actions on many subscribers."""

from django.urls import URLPattern, path

from lists import bulk_views

urlpatterns: list[URLPattern] = [
    path("subscribers/bulk/", bulk_views.create, name="bulk_create"),
    path("subscribers/bulk/count/", bulk_views.count, name="bulk_count"),
    path("bulk/<int:pk>/", bulk_views.detail, name="bulk_detail"),
    path("bulk/<int:pk>/progress/", bulk_views.progress, name="bulk_progress"),
    path("bulk/<int:pk>/cancel/", bulk_views.cancel, name="bulk_cancel"),
    path("bulk/<int:pk>/restart/", bulk_views.restart, name="bulk_restart"),
]
