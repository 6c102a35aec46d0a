"""A CLIP tokenizer with a vocabulary of a few hundred words."""

import json

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

CONTEXT = 32


def build_tokenizer(words: list[str]) -> CLIPTokenizer:
    """Build a byte-level CLIP tokenizer in which each of ``words`` is one token.

    Other words are split into pieces, so any text can be encoded, as with the tokenizer of SDXL. The end token has
    the highest id, because CLIP uses it to find the end of a text.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=100_000, min_frequency=1, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(words, trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet), *("".join(pair) for pair in merges)]
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(tokens)}
    # The annotation says strings, but the BPE model that it hands them to takes only pairs.
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=CONTEXT)  # type: ignore[arg-type]
