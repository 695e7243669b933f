"""Translation of token ids between tokenizers that cut every text the same, so that a text is tokenised once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

_SAME = ("normalizer", "pre_tokenizer")


class Translation:
    """Translates one tokenizer's ids to another's; a text with a special token's name in it is tokenised again."""

    def __init__(self, table: list[int], special: Sequence[str], target: Tokenizer) -> None:
        self._table = table
        self._special = re.compile("|".join(re.escape(name) for name in special)) if special else None
        self._target = target

    @classmethod
    def between(cls, source: Path, target: Path) -> Translation | None:
        """The translation between two tokenizer.json files; None if they differ in more than ids and special tokens."""
        ours, theirs = (json.loads(path.read_text(encoding="utf-8")) for path in (source, target))
        from_vocabulary, to_vocabulary = ours["model"].pop("vocab"), theirs["model"].pop("vocab")
        if not isinstance(from_vocabulary, dict) or not isinstance(to_vocabulary, dict):
            return None
        special = {token["content"] for described in (ours, theirs) for token in described["added_tokens"]}
        if any(ours[part] != theirs[part] for part in (*_SAME, "model")):
            return None
        if (from_vocabulary.keys() ^ to_vocabulary.keys()) - special:
            return None
        unknown = ours["model"].get("unk_token")
        if unknown not in from_vocabulary or unknown not in to_vocabulary:
            return None
        table = [-1] * (max(from_vocabulary.values()) + 1)
        for piece, index in from_vocabulary.items():
            table[index] = to_vocabulary.get(piece, -1)  # -1: a special token's name, tokenised again
        return cls(table, sorted(special), Tokenizer.from_file(str(target)))

    def apply(self, texts: Sequence[str], tokens: Sequence[Sequence[int]]) -> list[list[int]]:
        """The target tokenizer's ids of texts, from the source tokenizer's ids; without special tokens."""
        table = self._table
        return [
            self._tokenise(text) if self._special and self._special.search(text) else [table[index] for index in ids]
            for text, ids in zip(texts, tokens, strict=True)
        ]

    def _tokenise(self, text: str) -> list[int]:
        return list(self._target.encode(text, add_special_tokens=False).ids)
