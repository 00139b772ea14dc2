"""Addresses of data sets, below data-sets/."""

from django.urls import path

from webapp.library.dataset_views import actions, files, pages

urlpatterns = [
    path("", pages.datasets, name="datasets"),
    path("upload/", actions.upload, name="upload_dataset"),
    path("register/", actions.register, name="register_folder"),
    path("<int:pk>/", pages.dataset, name="dataset"),
    path("<int:pk>/edit/", actions.edit, name="edit_dataset"),
    path("<int:pk>/check/", actions.check, name="check_dataset"),
    path("<int:pk>/cancel/", actions.cancel, name="cancel_dataset"),
    path("<int:pk>/look-again/", actions.look_again, name="look_at_dataset_again"),
    path("<int:pk>/delete/", actions.delete, name="delete_dataset"),
    path("<int:pk>/problems/", pages.problems, name="dataset_problems"),
    path("<int:pk>/problems.txt", files.problems_text, name="dataset_problems_text"),
    path("<int:pk>/images/", pages.images, name="dataset_images"),
    path("<int:pk>/images/<int:index>/", pages.image, name="dataset_image"),
    path("<int:pk>/images/<int:index>/image.webp", files.picture, name="dataset_picture"),
    path("<int:pk>/images/<int:index>/masks.png", files.masks, name="dataset_masks"),
]
