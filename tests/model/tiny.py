"""A DistilBERT of two small layers built from its config, and made reviews that it can learn in seconds."""

from __future__ import annotations

import random
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

GOOD = ("great", "lovely", "perfect", "happy", "excellent")
BAD = ("awful", "broken", "useless", "sad", "terrible")
FILL = ("the", "lamp", "is", "and", "was", "very", "box", "it", "today", "on", "table", "my", "a", "we", "saw")


def made_reviews(count: int, seed: int = 1) -> tuple[list[str], list[int]]:
    """Distinct texts and their labels, told by three of their words."""
    rng = random.Random(seed)
    texts, labels = [], []
    for index in range(count):
        label = int(rng.random() < 0.7)
        words = rng.choices(FILL, k=rng.randint(3, 25)) + rng.choices(GOOD if label else BAD, k=3)
        rng.shuffle(words)
        texts.append(" ".join([*words, f"a{index % 7}"]))
        labels.append(label)
    return texts, labels


def make_base(folder: Path) -> Path:
    """Write the untrained model and its tokenizer into the folder."""
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *FILL,
        *GOOD,
        *BAD,
        *[f"a{index}" for index in range(7)],
    ]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=512,
    )
    fast.save_pretrained(folder)
    config = DistilBertConfig(vocab_size=len(vocabulary), dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    DistilBertForSequenceClassification(config).save_pretrained(folder)
    return folder
