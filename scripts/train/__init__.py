"""Training of the two small bundles that ship with the server: data making, models, training and evaluation."""
