"""URLs of the reports of mailings."""

from django.urls import path

from campaigns.report import views

urlpatterns = [
    path("campaigns/<int:pk>/report/", views.campaign_report, name="campaign_report"),
    path("campaigns/<int:pk>/report/frame/", views.campaign_report_frame, name="campaign_report_frame"),
    path("campaigns/<int:pk>/report.csv", views.campaign_report_csv, name="campaign_report_csv"),
    path("campaigns/<int:pk>/report.xlsx", views.campaign_report_xlsx, name="campaign_report_xlsx"),
]
