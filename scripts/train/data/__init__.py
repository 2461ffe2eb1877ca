"""Data making: emoji drawings into (sketch, prompt, picture) samples."""
