"""Pages of the sandbox."""

from django.urls import path

from mta import views

urlpatterns = [
    path("sandbox/", views.sandbox_index, name="sandbox_index"),
    path("sandbox/<int:number>/", views.sandbox_message, name="sandbox_message"),
    path("sandbox/<int:number>/html/", views.sandbox_html, name="sandbox_html"),
]
