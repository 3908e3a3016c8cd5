"""URLs of the planning of mailings: 承認, 繰り返し, カレンダー, ラベル, comments."""

from django.urls import path

from campaigns import approval_views, calendar_views, comment_views, label_views, recurrence_views, split_views

urlpatterns = [
    path("settings/approval/", approval_views.approval_settings, name="approval_settings"),
    path("campaigns/approvals/", approval_views.approval_index, name="approval_index"),
    path("campaigns/<int:pk>/approval/ask/", approval_views.ask_approval, name="campaign_ask_approval"),
    path("campaigns/<int:pk>/approval/grant/", approval_views.grant_approval, name="campaign_grant"),
    path("campaigns/<int:pk>/approval/refuse/", approval_views.refuse_approval, name="campaign_refuse"),
    path("campaigns/recurrences/", recurrence_views.recurrence_index, name="recurrence_index"),
    path("campaigns/recurrences/<int:pk>/", recurrence_views.recurrence_detail, name="recurrence_detail"),
    path("campaigns/recurrences/<int:pk>/edit/", recurrence_views.recurrence_edit, name="recurrence_edit"),
    path("campaigns/recurrences/<int:pk>/pause/", recurrence_views.recurrence_pause, name="recurrence_pause"),
    path("campaigns/recurrences/<int:pk>/resume/", recurrence_views.recurrence_resume, name="recurrence_resume"),
    path("campaigns/recurrences/<int:pk>/stop/", recurrence_views.recurrence_stop, name="recurrence_stop"),
    path("campaigns/<int:pk>/repeat/", recurrence_views.recurrence_create, name="recurrence_create"),
    path("campaigns/<int:pk>/split/", split_views.split_edit, name="campaign_split"),
    path("campaigns/<int:pk>/split/remove/", split_views.split_remove, name="campaign_split_remove"),
    path("campaigns/<int:pk>/split/decide/", split_views.split_decide, name="campaign_split_decide"),
    path("campaigns/calendar/", calendar_views.calendar, name="calendar"),
    path("campaigns/labels/", label_views.label_index, name="label_index"),
    path("campaigns/labels/<int:pk>/", label_views.label_edit, name="label_edit"),
    path("campaigns/labels/<int:pk>/delete/", label_views.label_delete, name="label_delete"),
    path("campaigns/<int:pk>/labels/", label_views.campaign_labels, name="campaign_labels"),
    path("campaigns/<int:pk>/comments/", comment_views.comment_create, name="comment_create"),
    path("campaigns/comments/<int:pk>/resolve/", comment_views.comment_resolve, name="comment_resolve"),
]
