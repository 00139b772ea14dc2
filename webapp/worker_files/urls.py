from django.urls import path, re_path

from webapp.worker_files import views

app_name = "worker_files"

urlpatterns = [
    re_path(
        r"^worker-files/weights/(?P<sha256>[0-9a-f]{64})(?P<suffix>\.safetensors|\.onnx)$",
        views.weights,
        name="weights",
    ),
    path(
        "worker-files/datasets/<int:pk>/<slug:format>/<slug:fingerprint>.tar", views.dataset, name="dataset"
    ),
]
