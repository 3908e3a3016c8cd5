"""URLs of failures, stopped addresses and notices."""

from django.urls import path

from bounces import evidence_views, failure_views, notice_views, stopped_views, upload_views

urlpatterns = [
    path("campaigns/<int:pk>/failed/", failure_views.failed_addresses, name="failed_addresses"),
    path("campaigns/<int:pk>/failed.csv", failure_views.failed_addresses_csv, name="failed_addresses_csv"),
    path("campaigns/<int:pk>/failed/remove/", failure_views.failed_addresses_remove, name="failed_addresses_remove"),
    path("subscribers/<int:pk>/errors/", evidence_views.subscriber_errors, name="subscriber_errors"),
    path("bounces/stopped/", stopped_views.stopped_index, name="stopped_index"),
    path("bounces/stopped.csv", stopped_views.stopped_csv, name="stopped_csv"),
    path("bounces/notices/", notice_views.notice_index, name="notice_index"),
    path("bounces/notices/reread/", notice_views.notice_reread_all, name="notice_reread_all"),
    path("bounces/notices/<int:pk>/", notice_views.notice_detail, name="notice_detail"),
    path("bounces/notices/<int:pk>/download/", notice_views.notice_download, name="notice_download"),
    path("bounces/notices/<int:pk>/candidates/", notice_views.notice_candidates, name="notice_candidates"),
    path("bounces/notices/<int:pk>/assign/", notice_views.notice_assign, name="notice_assign"),
    path("bounces/notices/<int:pk>/reread/", notice_views.notice_reread, name="notice_reread"),
    path("bounces/notices/uploads/", upload_views.upload_index, name="notice_upload_index"),
    path("bounces/notices/uploads/<int:pk>/", upload_views.upload_detail, name="notice_upload_detail"),
    path("bounces/notices/uploads/<int:pk>/progress/", upload_views.upload_progress, name="notice_upload_progress"),
    path("bounces/notices/uploads/<int:pk>/survey/", upload_views.survey, name="upload_survey"),
    path("bounces/known/", upload_views.known_addresses, name="known_addresses"),
    path("bounces/known/stop/", upload_views.known_addresses_stop, name="known_addresses_stop"),
]
