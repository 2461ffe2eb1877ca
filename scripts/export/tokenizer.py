"""The base's tokenizer as one `tokenizer.json`, and what the manifest says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .base import Base
from .errors import ExportError


@dataclass(frozen=True)
class TokenizerFacts:
    """Every prompt becomes `max_length` ids: truncated, or padded with `pad_id`."""

    max_length: int
    pad_id: int


def write_tokenizer_json(base: Base, path: Path) -> TokenizerFacts:
    """Converts whatever form the base has (vocab.json and merges.txt, or tokenizer.json)."""
    from transformers import CLIPTokenizer

    folder = base.path / "tokenizer"
    try:
        tokenizer = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{folder} is no CLIP tokenizer: {error}") from error
    if tokenizer.pad_token_id is None:
        raise ExportError(f"{folder} names no pad token")
    backend = tokenizer.backend_tokenizer
    # Padding and truncation are the server's, by the manifest's numbers.
    backend.no_padding()
    backend.no_truncation()
    # The library writes keys and vocabulary in an order of its own, so that one base always gives the same bytes.
    path.write_text(json.dumps(json.loads(backend.to_str()), ensure_ascii=False) + "\n")
    return TokenizerFacts(int(tokenizer.model_max_length), int(tokenizer.pad_token_id))
