"""URLs of the 除外リスト: a workspace's, and the installation's for its operator."""

from django.urls import URLPattern, path

from lists import exclusion_import_views as imports
from lists import exclusion_views as views

urlpatterns: list[URLPattern] = [
    path("exclusions/", views.index, name="exclusion_index"),
    path("exclusions/new/", views.create, name="exclusion_create"),
    path("exclusions/<int:pk>/delete/", views.delete, name="exclusion_delete"),
    path("exclusions/clear/", views.clear, name="exclusion_clear"),
    path("exclusions/import/", imports.upload, name="exclusion_import"),
    path("exclusions/import/<int:pk>/", imports.detail, name="exclusion_import_detail"),
    path("exclusions/import/<int:pk>/progress/", imports.progress, name="exclusion_import_progress"),
    path("exclusions/import/<int:pk>/refused.csv", imports.refused_file, name="exclusion_import_refused"),
    path("exclusions/export/", views.export, name="exclusion_export"),
    path("operator/exclusions/", views.operator_index, name="operator_exclusion_index"),
    path("operator/exclusions/new/", views.operator_create, name="operator_exclusion_create"),
    path("operator/exclusions/<int:entry_id>/delete/", views.operator_delete, name="operator_exclusion_delete"),
    path("operator/exclusions/clear/", views.operator_clear, name="operator_exclusion_clear"),
    path("operator/exclusions/import/", imports.operator_upload, name="operator_exclusion_import"),
    path(
        "operator/exclusions/import/<int:import_id>/",
        imports.operator_detail,
        name="operator_exclusion_import_detail",
    ),
    path(
        "operator/exclusions/import/<int:import_id>/progress/",
        imports.operator_progress,
        name="operator_exclusion_import_progress",
    ),
    path(
        "operator/exclusions/import/<int:import_id>/refused.csv",
        imports.operator_refused_file,
        name="operator_exclusion_import_refused",
    ),
    path("operator/exclusions/export/", views.operator_export, name="operator_exclusion_export"),
]
