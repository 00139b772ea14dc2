"""What is explained: architectures by name, safe loading of weights, layers, preprocessing."""
