"""URLs of failures, stopped addresses and notices."""

from django.urls import path

from bounces import evidence_views, failure_views, mailbox_views, notice_views, stopped_views, upload_views, webhook_views

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
    path("bounces/mailboxes/", mailbox_views.mailbox_index, name="mailbox_index"),
    path("bounces/mailboxes/new/", mailbox_views.mailbox_create, name="mailbox_create"),
    path("bounces/mailboxes/<int:pk>/", mailbox_views.mailbox_detail, name="mailbox_detail"),
    path("bounces/mailboxes/<int:pk>/edit/", mailbox_views.mailbox_edit, name="mailbox_edit"),
    path("bounces/mailboxes/<int:pk>/test/", mailbox_views.mailbox_test, name="mailbox_test"),
    path("bounces/mailboxes/<int:pk>/pause/", mailbox_views.mailbox_pause, name="mailbox_pause"),
    path("bounces/mailboxes/<int:pk>/resume/", mailbox_views.mailbox_resume, name="mailbox_resume"),
    path("bounces/mailboxes/<int:pk>/retry/", mailbox_views.mailbox_retry, name="mailbox_retry"),
    path("bounces/mailboxes/<int:pk>/delete/", mailbox_views.mailbox_delete, name="mailbox_delete"),
    path("bounces/notices/uploads/", upload_views.upload_index, name="notice_upload_index"),
    path("bounces/notices/uploads/<int:pk>/", upload_views.upload_detail, name="notice_upload_detail"),
    path("bounces/notices/uploads/<int:pk>/progress/", upload_views.upload_progress, name="notice_upload_progress"),
    path("bounces/notices/uploads/<int:pk>/survey/", upload_views.survey, name="upload_survey"),
    path("bounces/known/", upload_views.known_addresses, name="known_addresses"),
    path("bounces/known/stop/", upload_views.known_addresses_stop, name="known_addresses_stop"),
    path("bounces/webhooks/", webhook_views.webhook_index, name="webhook_index"),
    path("bounces/webhooks/<int:pk>/", webhook_views.webhook_detail, name="webhook_detail"),
    path("bounces/webhooks/<int:pk>/delete/", webhook_views.webhook_delete, name="webhook_delete"),
    path("hooks/<str:token>/", webhook_views.hook, name="hook"),
]
