"""Writes test/fixtures/tokenizer: 200 prompts and the ids that transformers' CLIPTokenizer gives them.

Run from scripts/ as `python -m export.tests.make_tokenizer_fixtures`; the files are committed, so that `npm test` needs
no Python. The vocabulary is the small one of random bases, the rules are CLIP's.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

import transformers
from transformers import CLIPTokenizer

from export.tiny_tokenizer import write_tokenizer

_FOLDER = Path(__file__).parents[3] / "test" / "fixtures" / "tokenizer"
_COUNT = 200
_LENGTH = 77

# fmt: off
_TRICKY = [
    "", " ", "   \t \n ", "a", "A", "!", "!!", "cat!", "! cat", "a cat", "A CAT", "a  cat", " a cat ", "a\ncat",
    "a\tcat\r\n", "a cat", "a\u3000cat", "a\u200bcat", "cat, dog; bird: tree.", "cat's",
    "I'm we'll they've you're he'd don't IT'S CAN'T", "cat’s", "“quoted” ‘words’", "1", "42", "3.14159",
    "2026-01-31", "1,000,000", "a1b2c3", "x²+y²", "½ ¼ ¾", "Ⅷ ⅷ", "٣٤٥", "१२३", "e-mail@example.org",
    "https://example.org/a?b=c&d=e#f", "C:\\path\\file", "snake_case kebab-case CamelCase", "a_b__c",
    "#hashtag @name", "$100 €100 £100 ¥100", "50%", "(a) [b] {c} <d>", "<|startoftext|>", "<|endoftext|>",
    "a <|endoftext|> b", "<|startoftext|> a cat <|endoftext|>", "<|ENDOFTEXT|>", "<| endoftext |>", "...",
    "?!?!", "---", "***", "~~~", "||", "\\", "\"", "'", "''", "' s", "'S", "can't", "naïve café résumé",
    "nai\u0308ve cafe\u0301", "Ångström", "A\u030angstro\u0308m", "straße STRASSE ẞ", "İstanbul ISTANBUL ı",
    "ﬁ ﬂ ﬃ", "Œuvre œuvre", "ǆ ǅ Ǆ", "ΟΔΥΣΣΕΥΣ ὀδυσσεύς", "ПРИВЕТ привет", "Ѐ Ё", "שלום עולם", "مرحبا بالعالم",
    "नमस\u094dत\u0947 द\u0941निया", "สว\u0e31สด\u0e35ชาวโลก", "안녕하세요 세계", "こんにちは世界",
    "カタカナ ｶﾀｶﾅ", "猫", "一只猫在树上", "猫 cat 狗 dog", "繁體中文與简体中文", "𠮷野家", "😀", "😀😀😀",
    "a 😀 cat", "cat😀dog", "👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "👍🏽", "🇫🇷🇯🇵", "❤\ufe0f", "☃",
    "→ ← ↔", "∑∫√∞≠", "½cup", "™®©", "ＦＵＬＬ ｗｉｄｔｈ", "𝐛𝐨𝐥𝐝 𝓈𝒸𝓇𝒾𝓅𝓉",
    "Z\u0351\u036b\u0313a\u0334l\u0337g\u0338o", "\u200d\u200c", "\ufeffcat", "a\u0000b", "a\u0001b",
    "tab\u000bvertical", "\u2028line\u2029", "\u00ad soft\u00adhyphen", "\u0085next", "a\u1680b", "a\u180eb",
    "a\u202fb", "a\u2003b", "a\u205fb", "a\ufffdb", "\ue000", "the of in",
    "photograph of a cat sitting by the sea, yellow sky", "painting", "paintings", "repaint", "redblue",
    "starlight night rain", "driving in the night", "driving in heavy rain", "word " * 80, "cat " * 75,
    "cat " * 74 + "dog", "cat " * 76, "cat" * 80, "!" * 100, "😀" * 40, "猫" * 60, "a" * 500,
    "supercalifragilisticexpialidocious " * 5, "1 " * 100, "a, " * 60, "é" * 100, "'" * 90,
]
# fmt: on


def _prompts() -> list[str]:
    """The tricky ones, then mixtures of them up to the count."""
    source = random.Random(200)
    short = [prompt for prompt in _TRICKY if 0 < len(prompt) < 30]
    prompts = list(dict.fromkeys(_TRICKY))
    while len(prompts) < _COUNT:
        mixture = source.choice(["", " ", ", ", "  "]).join(source.sample(short, source.randint(2, 6)))
        prompts.append(source.choice([str.lower, str.upper, str.title, str])(mixture))
    return prompts[:_COUNT]


def main() -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder))
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (_FOLDER / "tokenizer.json").write_bytes((Path(folder) / "tokenizer.json").read_bytes())
        cases = []
        for prompt in _prompts():
            ids = tokenizer(prompt, padding="max_length", truncation=True, max_length=_LENGTH)["input_ids"]
            cases.append({"prompt": prompt, "ids": ids, "truncated": len(tokenizer(prompt)["input_ids"]) > _LENGTH})
    facts = {"transformers": transformers.__version__, "max_length": _LENGTH, "pad_id": tokenizer.pad_token_id}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (_FOLDER / "cases.json").write_text(f'{{"made_with":{json.dumps(facts)},"cases":[\n{lines}\n]}}\n')
    truncated = sum(case["truncated"] for case in cases)
    sys.stdout.write(f"wrote {len(cases)} prompts, {truncated} of them truncated, to {_FOLDER}\n")


if __name__ == "__main__":
    main()
