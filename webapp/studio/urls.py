"""Addresses of the studio and of maps."""

from django.urls import path

from webapp.studio.views import actions, downloads, files, history, pages

app_name = "studio"

urlpatterns = [
    path("studio/", pages.maps, name="maps"),
    path("studio/cut-outs/", pages.cut_outs, name="cut_outs"),
    path("studio/generate/", actions.generate, name="generate"),
    path("studio/predict/", actions.predict, name="predict"),
    path("studio/classes/", pages.classes, name="classes"),
    path("studio/predicted/", pages.predicted, name="predicted"),
    path("studio/method-settings/", pages.method_settings, name="method_settings"),
    path("studio/image.png", files.framed, name="framed"),
    path("studio/mask.png", files.mask, name="mask"),
    path("studio/maps/change/", actions.change_maps, name="change_maps"),
    path("studio/sheet.png", downloads.sheet, name="sheet"),
    path("studio/curves.csv", downloads.curves, name="curves"),
    path("studio/history/", history.history, name="history"),
    path("studio/history/change/", history.change, name="change_history"),
    path("studio/pictures/", actions.upload, name="upload"),
    path("studio/pictures/<int:pk>/thumbnail.webp", files.picture_thumbnail, name="picture_thumbnail"),
    path("studio/pictures/<int:pk>/delete/", actions.delete, name="delete_picture"),
    path("studio/data-sets/<int:pk>/<int:index>/thumbnail.webp", files.thumbnail, name="thumbnail"),
    path("maps/<int:pk>/tile/", pages.tile, name="tile"),
    path("maps/<int:pk>/overlay.webp", files.overlay, name="overlay"),
    path("maps/<int:pk>/curves.csv", downloads.curves_of_map, name="map_curves"),
    path("maps/<int:pk>/", history.open_map, name="map"),
    path("maps/<int:pk>/map.npy", files.values, name="values"),
]
