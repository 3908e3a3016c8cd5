"""URLs of 登録フォーム: the pages of the workspace, and those that everybody may open."""

from django.urls import URLPattern, path

from signup import preference_views, public_views, views

urlpatterns: list[URLPattern] = [
    path("forms/", views.index, name="signup_index"),
    path("forms/new/", views.create, name="signup_create"),
    path("forms/<int:pk>/", views.detail, name="signup_detail"),
    path("forms/<int:pk>/edit/", views.edit, name="signup_edit"),
    path("forms/<int:pk>/switch/", views.switch, name="signup_switch"),
    path("f/<slug:token>/", public_views.form_page, name="signup_form"),
    path("f/<slug:token>/sent/", public_views.sent_page, name="signup_sent"),
    path("fc/<slug:token>/", public_views.confirm_page, name="signup_confirm"),
    path("m/sample/", preference_views.preferences_sample, name="preferences_sample"),
    path("m/<slug:token>/", preference_views.preferences, name="preferences"),
]
