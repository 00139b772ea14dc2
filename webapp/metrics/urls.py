from django.urls import path

from webapp.metrics import views

urlpatterns = [path("", views.metrics, name="metrics")]
