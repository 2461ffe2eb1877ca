"""Turns img2img-turbo checkpoints into the bundles that the server loads."""
