"""A CLIP tokenizer with a small vocabulary, for random bases: the real thing's rules, few merges."""

from __future__ import annotations

import json
from pathlib import Path

#: Words a test or a demo is likely to use; their merges are what makes this a BPE and not only bytes.
_WORDS = """
a an the of in on at by and with to is photo photograph picture drawing sketch painting bird cat dog house tree sea sky sun
moon star flower fish boat car night day rain rainy clear driving heavy style color colour red green blue yellow art line
"""


def _byte_alphabet() -> list[str]:
    """CLIP's stand-ins for the 256 bytes, in its order: printable ones first, from `!`, which gets id 0."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]


def build_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token → id, and the merges in order of rank."""
    alphabet = _byte_alphabet()
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    merges: list[tuple[str, str]] = []
    for word in _WORDS.split():
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            pair = (pieces[0], pieces[1])
            if pair not in merges:
                merges.append(pair)
                tokens.append("".join(pair))
            pieces = ["".join(pair), *pieces[2:]]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}, merges


def write_tokenizer(folder: Path) -> None:
    """Writes vocab.json, merges.txt and the configs as SD 2.x has them (padded with `!`)."""
    vocabulary, merges = build_vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n")
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "!",
        "unk_token": "<|endoftext|>",
    }
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2))
    config = {**special, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2))
