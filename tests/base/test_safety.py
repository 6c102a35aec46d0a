"""Test that nothing in a model's folder runs code when a library loads it."""

import json

import pytest

from untold.base.safety import runs_code


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("open_clip_config.json", {"model_cfg": {"text_cfg": {"tokenizer_kwargs": {"trust_remote_code": True}}}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": "evil.Tokenizer"}}),
        ("unet/config.json", [{"deep": [{"auto_map": ["x"]}]}]),
        ("modeling.py", "print()"),
        ("text_encoder/evil.PY", "print()"),
        ("pytorch_model.bin", ""),
        ("open_clip_pytorch_model.ckpt", ""),
    ],
)
def test_code_is_refused(tmp_path, name, content):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    assert runs_code(file, tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", json.dumps({"trust_remote_code": False, "auto_map": None})),
        ("vocab.json", json.dumps({"auto": 1, "map": 2})),
        ("damaged.json", "{"),
        ("deep.json", "[" * 100_000),
        ("unet/diffusion_pytorch_model.bin", ""),
        ("model.safetensors", ""),
    ],
)
def test_everything_else_is_not(tmp_path, name, content):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    assert runs_code(file, tmp_path) == ""
