"""URLs of campaigns, 配信履歴 and the pages behind the links in a mail."""

from django.urls import path

from campaigns import compose_views, gate_views, history_views, hold_views, preview_views, public_views, views

urlpatterns = [
    path("campaigns/", views.campaign_index, name="campaign_index"),
    path("campaigns/new/", compose_views.create_campaign, name="campaign_create"),
    path("campaigns/<int:pk>/", views.campaign_detail, name="campaign_detail"),
    path("campaigns/<int:pk>/progress/", views.campaign_progress, name="campaign_progress"),
    path("campaigns/<int:pk>/deliveries/", views.campaign_deliveries, name="campaign_deliveries"),
    path("campaigns/<int:pk>/edit/", compose_views.edit_campaign, name="campaign_edit"),
    path("campaigns/<int:pk>/copy/", compose_views.copy_campaign, name="campaign_copy"),
    path("campaigns/<int:pk>/delete/", compose_views.delete_campaign, name="campaign_delete"),
    path("campaigns/<int:pk>/preview/", preview_views.preview_campaign, name="campaign_preview"),
    path("campaigns/<int:pk>/preview/frame/", preview_views.preview_frame, name="campaign_preview_frame"),
    path("campaigns/<int:pk>/test/", preview_views.send_test, name="campaign_test"),
    path("campaigns/<int:pk>/test/results/", preview_views.test_results, name="campaign_test_results"),
    path("campaigns/<int:pk>/schedule/", preview_views.schedule_campaign, name="campaign_schedule"),
    path("campaigns/<int:pk>/unschedule/", views.unschedule_campaign, name="campaign_unschedule"),
    path("campaigns/<int:pk>/send/", views.send_now, name="campaign_send_now"),
    path("campaigns/<int:pk>/pause/", views.pause_campaign, name="campaign_pause"),
    path("campaigns/<int:pk>/resume/", views.resume_campaign, name="campaign_resume"),
    path("campaigns/<int:pk>/cancel/", views.cancel_campaign, name="campaign_cancel"),
    path("subscribers/<int:pk>/deliveries/", views.subscriber_deliveries, name="subscriber_deliveries"),
    path("holds/", hold_views.hold_index, name="hold_index"),
    path("holds/<int:pk>/", hold_views.hold_detail, name="hold_detail"),
    path("holds/<int:pk>/decide/", hold_views.hold_decide, name="hold_decide"),
    path("history/", history_views.history, name="history"),
    path("lists/<int:pk>/campaigns/", history_views.list_campaigns, name="list_campaigns"),
    path("error-rate/", gate_views.gate_detail, name="gate_detail"),
    path("operator/gates/", gate_views.operator_gates, name="operator_gates"),
    path("operator/gates/<int:workspace_id>/", gate_views.operator_gate, name="operator_gate"),
    path("operator/gates/<int:workspace_id>/step/", gate_views.operator_gate_step, name="operator_gate_step"),
    path("operator/gates/<int:workspace_id>/limits/", gate_views.operator_gate_limits, name="operator_gate_limits"),
    path("u/sample/", public_views.unsubscribe_sample, name="unsubscribe_sample"),
    path("u/<str:token>/", public_views.unsubscribe_page, name="unsubscribe"),
]
