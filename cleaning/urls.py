"""URLs of 事前クリーニング."""

from django.urls import URLPattern, path

from cleaning import views

urlpatterns: list[URLPattern] = [
    path("cleaning/", views.upload, name="cleaning_upload"),
    path("cleaning/<slug:token>/", views.detail, name="cleaning_detail"),
    path("cleaning/<slug:token>/progress/", views.progress, name="cleaning_progress"),
    path("cleaning/<slug:token>/clean/", views.clean_file, name="cleaning_clean"),
    path("cleaning/<slug:token>/excluded/", views.excluded_file, name="cleaning_excluded"),
    path("cleaning/<slug:token>/delete/", views.delete, name="cleaning_delete"),
]
