"""URLs of logging in, of members and of the audit log."""

from allauth.account import views as allauth_views
from django.urls import path, re_path

from accounts import views

# Only what is used of django-allauth: accounts are made by administrators, so nobody signs up.
urlpatterns = [
    path("accounts/login/", allauth_views.login, name="account_login"),
    path("accounts/logout/", allauth_views.logout, name="account_logout"),
    path("accounts/inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("accounts/password/change/", allauth_views.password_change, name="account_change_password"),
    path("accounts/password/reset/", allauth_views.password_reset, name="account_reset_password"),
    path("accounts/password/reset/done/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth_views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "accounts/password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("accounts/profile/", views.profile, name="profile"),
    path("accounts/workspace/", views.switch_workspace, name="workspace_switch"),
    path("settings/members/", views.members, name="members"),
    path("settings/members/<int:pk>/role/", views.set_role, name="member_role"),
    path("settings/members/<int:pk>/remove/", views.remove_member, name="member_remove"),
    path("settings/audit/", views.audit_log, name="audit_log"),
]
