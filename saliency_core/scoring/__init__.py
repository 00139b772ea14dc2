"""The one hot loop: scores of many perturbed copies of images."""
