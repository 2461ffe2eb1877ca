"""The proof that an exported bundle is the model that was trained."""
