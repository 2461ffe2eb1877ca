"""The small tokenizer of a trained bundle: CLIP's shape (lower case, byte-level BPE, `</w>`), our own vocabulary.

Any text has ids: words it does not know fall apart into pieces, unknown bytes become the end mark.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .data.colour import SYNONYMS, WORDS
from .data.prompts import COLOURED, EMPTY, PLAIN, templates
from .paths import RUNS

PAD, START, END = "<|pad|>", "<|startoftext|>", "<|endoftext|>"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def corpus(names: list[str], keywords: list[str]) -> list[str]:
    """Texts that the merges are learned from: names weigh most, so that they are whole words."""
    fixed = [*templates().values(), *PLAIN, *COLOURED, *EMPTY, *WORDS, *SYNONYMS, "driving in the night", "driving in the day"]
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    return [text.replace("{", " ").replace("}", " ") for text in fixed * 6 + names * 5 + keywords + letters]


def build(texts: list[str], vocabulary: int) -> Tokenizer:
    """Trains a tokenizer of at most `vocabulary` tokens."""
    tokenizer = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>", continuing_subword_prefix="", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    ids = {token: tokenizer.token_to_id(token) for token in (START, END)}
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, ids[END]), (START, ids[START]), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, length: int) -> None:
    """Writes tokenizer.json and tokenizer_config.json as transformers reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": length,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": PAD,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def of_run(run: str, texts: Callable[[], list[str]], vocabulary: int, length: int) -> Tokenizer:
    """A run's own tokenizer, built from `texts` on first use."""
    folder = RUNS / run / "tokenizer"
    if not (folder / "tokenizer.json").is_file():
        save(build(texts(), vocabulary), folder, length)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def encode(tokenizer: Tokenizer, prompts: list[str], length: int) -> np.ndarray:
    """int64 [B, length]: truncated so that the end mark stays, padded with id 0."""
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=0, pad_token=PAD)
    return np.array([encoding.ids for encoding in tokenizer.encode_batch(prompts)], np.int64)
