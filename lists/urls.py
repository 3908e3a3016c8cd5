"""URLs of lists, imports and subscribers."""

from django.urls import URLPattern, URLResolver, include, path

from lists import import_run_views, import_views, list_views, subscriber_edit_views, subscriber_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("lists/", list_views.index, name="list_index"),
    path("lists/new/", list_views.create, name="list_create"),
    path("lists/<int:pk>/", list_views.detail, name="list_detail"),
    path("lists/<int:pk>/edit/", list_views.edit, name="list_edit"),
    path("lists/<int:pk>/limit-preview/", list_views.limit_preview, name="list_limit_preview"),
    path("lists/<int:pk>/delete/", list_views.delete, name="list_delete"),
    path("lists/<int:pk>/import/", import_views.upload_csv, name="import_upload"),
    path("imports/<int:pk>/", import_run_views.detail, name="import_detail"),
    path("imports/<int:pk>/columns/", import_views.choose_columns, name="import_columns"),
    path("imports/<int:pk>/discard/", import_views.discard, name="import_discard"),
    path("imports/<int:pk>/check/", import_run_views.check, name="import_check"),
    path("imports/<int:pk>/run/", import_run_views.run, name="import_run"),
    path("imports/<int:pk>/reopen/", import_run_views.reopen, name="import_reopen"),
    path("imports/<int:pk>/cancel/", import_run_views.cancel, name="import_cancel"),
    path("imports/<int:pk>/progress/", import_run_views.progress, name="import_progress"),
    path("imports/<int:pk>/rejected.csv", import_run_views.rejected_csv, name="import_rejected_csv"),
    path("subscribers/", subscriber_views.index, name="subscriber_index"),
    path("subscribers/new/", subscriber_edit_views.create, name="subscriber_create"),
    path("subscribers/<int:pk>/", subscriber_views.detail, name="subscriber_detail"),
    path("subscribers/<int:pk>/history/", subscriber_views.history, name="subscriber_history"),
    path("subscribers/<int:pk>/edit/", subscriber_edit_views.edit, name="subscriber_edit"),
    path("subscribers/<int:pk>/stop/", subscriber_views.stop_subscriber, name="subscriber_stop"),
    path("subscribers/<int:pk>/resume/", subscriber_views.resume_subscriber, name="subscriber_resume"),
    path("", include("lists.attribute_urls")),
    path("", include("lists.segment_urls")),
    path("", include("lists.exclusion_urls")),
    path("", include("lists.bulk_urls")),
    path("", include("lists.consent_urls")),
    path("", include("lists.export_urls")),
]
