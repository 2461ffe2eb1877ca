"""What a bundle is measured by, and how that is told."""
