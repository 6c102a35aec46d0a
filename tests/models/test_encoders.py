"""Test encoders of the real libraries: small ones for the interface, and each real architecture once."""

import json
import logging

import numpy as np
import open_clip
import pytest
import timm as timm_library
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.tiny_encoders import save_clip, save_timm, tiny_clip, tiny_dino, tiny_resnet, tiny_siglip
from untold.base.identity import file_digest
from untold.images.decode import decode
from untold.models import encoders
from untold.models.encoders import cast, fast_bfloat16, load_encoder, load_text_encoder, weights_digest
from untold.study.schema_encoders import OpenClip, Timm, Vae


def clip(folder, quick_gelu=False, batch_size=2):
    source = {"path": str(folder)}
    return OpenClip(library="open_clip", source=source, quick_gelu=quick_gelu, batch_size=batch_size)


def timm(folder, pooling="cls", tokens=True, batch_size=2):
    return Timm(library="timm", source={"path": str(folder)}, pooling=pooling, tokens=tokens, batch_size=batch_size)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders")
    tiny_clip(folder / "clip")
    tiny_clip(folder / "quick", quick_gelu=True)
    tiny_dino(folder / "dino")
    tiny_resnet(folder / "resnet")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Write five images of different sizes and modes."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    paths = []
    for number, (mode, size) in enumerate(
        [("RGB", (40, 60)), ("L", (64, 64)), ("RGBA", (33, 32)), ("RGB", (300, 200)), ("P", (50, 50))]
    ):
        channels = {"RGB": 3, "RGBA": 4}.get(mode)
        shape = (size[1], size[0], channels) if channels else (size[1], size[0])
        image = Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8), mode if mode != "P" else "L")
        paths.append(folder / f"{number}.png")
        image.convert(mode).save(paths[-1])
    return paths


def embed(settings, paths) -> dict[str, np.ndarray]:
    batches = list(load_encoder(settings).embed(paths, lambda path: decode(path, max_pixels=2**26)))
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def test_clip_embeds_in_the_order_of_the_images(weights, pictures):
    arrays = embed(clip(weights / "clip"), pictures)
    assert set(arrays) == {"vector"}
    assert arrays["vector"].shape == (5, 16) and arrays["vector"].dtype == np.float32
    backwards = embed(clip(weights / "clip"), pictures[::-1])["vector"]
    assert np.allclose(backwards[::-1], arrays["vector"], atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 64])
def test_the_batch_size_changes_no_vector(weights, pictures, batch_size):
    expected = embed(clip(weights / "clip"), pictures)["vector"]
    assert np.allclose(embed(clip(weights / "clip", batch_size=batch_size), pictures)["vector"], expected, atol=1e-6)


def test_batches_on_a_cpu_are_small(weights, pictures, monkeypatch):
    monkeypatch.setattr(encoders, "device", lambda: torch.device("cpu"))
    encoder = load_encoder(clip(weights / "clip", batch_size=4096))
    sizes = [len(arrays["vector"]) for arrays in encoder.embed(pictures * 7, decode)]
    assert sizes == [16, 16, 3]


def test_no_images_give_no_batch(weights):
    assert list(load_encoder(clip(weights / "clip")).embed([], lambda path: None)) == []


def test_a_vision_transformer_gives_class_mean_and_patch_tokens(weights, pictures):
    arrays = embed(timm(weights / "dino"), pictures)
    assert {name: array.shape for name, array in arrays.items()} == {
        "vector": (5, 16),
        "mean": (5, 16),
        "tokens": (5, 17, 16),
    }
    assert arrays["tokens"].dtype == np.float16 and arrays["vector"].dtype == np.float32
    assert np.allclose(arrays["tokens"][:, 0], arrays["vector"], atol=2e-3), "the class token comes first"
    assert np.allclose(arrays["tokens"].astype(float).mean(1), arrays["mean"], atol=2e-3)
    assert "tokens" not in embed(timm(weights / "dino", tokens=False), pictures)


def test_register_tokens_are_no_patches(tmp_path, pictures):
    arguments = {"img_size": 28, "embed_dim": 16, "depth": 1, "num_heads": 2}
    save_timm(tmp_path / "reg", "vit_small_patch14_reg4_dinov2", 28, arguments)
    assert embed(timm(tmp_path / "reg"), pictures)["tokens"].shape == (5, 1 + 4, 16)


def test_a_convolutional_network_gives_its_global_average(weights, pictures):
    arrays = embed(timm(weights / "resnet", pooling="average", tokens=False), pictures)
    assert set(arrays) == {"vector"} and arrays["vector"].shape == (5, 64)
    assert (arrays["vector"] >= 0).all(), "after the last ReLU"


def test_a_network_without_a_class_token_is_refused_for_cls(weights, pictures, tmp_path):
    arguments = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
    save_timm(tmp_path / "siglip", "vit_base_patch16_siglip_224", 32, arguments)
    for folder in (weights / "resnet", tmp_path / "siglip"):
        with pytest.raises(ValueError, match="needs a vision transformer with a class token; use average"):
            embed(timm(folder), pictures)


@pytest.mark.parametrize(
    ("architecture", "arguments", "dim"),
    [
        ("swin_tiny_patch4_window7_224", {"img_size": 32, "window_size": 2, "embed_dim": 8, "depths": (1, 1)}, 16),
        ("vit_base_patch16_siglip_224", {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 1}, 16),
        ("vit_small_patch14_reg4_dinov2", {"img_size": 28, "embed_dim": 16, "depth": 1}, 16),
        ("convnext_atto", {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 16)}, 16),
    ],
)
def test_the_average_is_over_places_whatever_the_layout(tmp_path, pictures, architecture, arguments, dim):
    """Channels last (Swin), patches without a class token (SigLIP) or behind register tokens, channels first."""
    heads = {"num_heads": (2, 2) if "swin" in architecture else 2} if "conv" not in architecture else {}
    size = arguments.get("img_size", 32)
    save_timm(tmp_path / "model", architecture, size, arguments | heads)
    settings = timm(tmp_path / "model", pooling="average", tokens=False)
    found = embed(settings, pictures)["vector"]
    assert found.shape == (5, dim)
    model = timm_library.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True, num_classes=0).eval()
    transform = timm_library.data.create_transform(**timm_library.data.resolve_model_data_config(model))
    batch = torch.stack([transform(decode(path)) for path in pictures])
    with torch.inference_mode():
        maps = model.forward_intermediates(batch, norm=True, intermediates_only=True, indices=1, output_fmt="NCHW")
    assert np.allclose(found, maps[-1].mean((2, 3)), atol=1e-5)


@pytest.mark.parametrize(("folder", "configured"), [("clip", True), ("quick", False)])
def test_quick_gelu_is_asserted_both_ways(weights, folder, configured):
    with pytest.raises(ValueError, match="OpenAI's weights need QuickGELU"):
        load_encoder(clip(weights / folder, quick_gelu=configured))


def test_quick_gelu_changes_the_vectors(weights, pictures):
    plain = embed(clip(weights / "clip"), pictures)["vector"]
    quick = embed(clip(weights / "quick", quick_gelu=True), pictures)["vector"]
    assert not np.allclose(plain, quick, atol=1e-4), "the same weights: this is what the assertion prevents"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_pickled_weights_are_refused_and_never_read(tmp_path, name, weights):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in (weights / "clip").glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    torch.save(Evil(), folder / name)
    for settings in (
        clip(folder),
        timm(folder),
        Vae(library="vae", source={"path": str(folder)}, size=16, batch_size=1),
    ):
        with pytest.raises(ValueError, match="pickled weights are refused"):
            load_encoder(settings)
    with pytest.raises(ValueError, match="pickled weights are refused"):
        load_text_encoder(clip(folder))
    assert not ran.exists()


def test_a_pickle_beside_safetensors_is_not_read(tmp_path, weights, pictures):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in (weights / "clip").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"not even a pickle")
    expected = embed(clip(weights / "clip"), pictures)["vector"]
    assert np.array_equal(embed(clip(folder), pictures)["vector"], expected)


def test_metadata_name_weights_preprocessing_and_versions(weights):
    about = load_encoder(timm(weights / "dino")).metadata
    assert about["weights_sha256"] == {"model.safetensors": file_digest(weights / "dino" / "model.safetensors")}
    assert about["model"] == {"path": str(weights / "dino")}
    assert "Normalize" in about["preprocessing"] and about["dtype"] == "float32"
    assert (
        about["versions"]["torch"] == torch.__version__.split("+")[0] or about["versions"]["torch"] in torch.__version__
    )
    json.dumps(about)


def test_digests_are_by_relative_path(tmp_path):
    for name in ("b/x.safetensors", "a.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert list(weights_digest(tmp_path)) == ["a.safetensors", "b/x.safetensors"]


def test_texts(weights, caplog):
    encoder = load_text_encoder(clip(weights / "clip"))
    texts = ["a person reading", "", "💃", "a person reading"] + [f"text {number}" for number in range(300)]
    with caplog.at_level(logging.WARNING):
        vectors = encoder.encode(texts)
    assert vectors.shape == (304, 16) and vectors.dtype == np.float32 and np.isfinite(vectors).all()
    assert np.allclose(vectors[0], vectors[3], atol=1e-6)
    assert not caplog.records
    assert np.allclose(encoder.encode(texts[7:8]), vectors[7:8], atol=1e-5)
    assert encoder.logit_scale == pytest.approx(1 / 0.07, rel=1e-4)
    assert "context 77" in encoder.metadata["preprocessing"]


def test_texts_beyond_the_context_are_reported(weights, caplog):
    encoder = load_text_encoder(clip(weights / "clip"))
    with caplog.at_level(logging.WARNING):
        encoder.encode(["short", "word " * 75, "word " * 76, "word " * 500])
    assert "2 of 4 texts" in caplog.text


def test_text_and_image_towers_are_of_one_model(weights, pictures):
    """The vectors equal those of direct open_clip calls."""
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{weights / 'clip'}")
    model.eval()
    with torch.inference_mode():
        image = model.encode_image(transform(decode(pictures[0], max_pixels=2**26))[None])
        text = model.encode_text(open_clip.get_tokenizer("ViT-B-32")(["a dog"]))
    assert np.allclose(embed(clip(weights / "clip"), pictures)["vector"][:1], image.numpy(), atol=1e-6)
    assert np.allclose(load_text_encoder(clip(weights / "clip")).encode(["a dog"]), text.numpy(), atol=1e-6)


def grey(size=(640, 480)) -> Image.Image:
    return Image.new("RGB", size, (128, 128, 128))


def normalised(mean, std) -> np.ndarray:
    return ((128 / 255 - np.array(mean)) / np.array(std)).astype(np.float32)


CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.slow
def test_openai_clip_vit_b_32(tmp_path, pictures):
    save_clip(tmp_path / "clip", open_clip.get_model_config("ViT-B-32-quickgelu"))
    encoder = load_encoder(clip(tmp_path / "clip", quick_gelu=True))
    pixels = encoder.transform(grey())
    assert pixels.shape == (3, 224, 224)
    assert np.allclose(pixels.mean((1, 2)), normalised(CLIP_MEAN, CLIP_STD), atol=1e-4)
    assert "224" in encoder.metadata["preprocessing"] and "bicubic" in encoder.metadata["preprocessing"].lower()
    assert embed(clip(tmp_path / "clip", quick_gelu=True), pictures)["vector"].shape == (5, 512)
    assert load_text_encoder(clip(tmp_path / "clip", quick_gelu=True)).encode(["a person"]).shape == (1, 512)
    with pytest.raises(ValueError, match="OpenAI's weights need QuickGELU"):
        load_encoder(clip(tmp_path / "clip"))


@pytest.mark.slow
def test_dino_vit_s_16(tmp_path, pictures):
    save_timm(tmp_path / "dino", "vit_small_patch16_224", 224, {})
    encoder = load_encoder(timm(tmp_path / "dino"))
    pixels = encoder.transform(grey())
    assert pixels.shape == (3, 224, 224)
    assert np.allclose(pixels.mean((1, 2)), normalised(IMAGENET_MEAN, IMAGENET_STD), atol=1e-4)
    arrays = embed(timm(tmp_path / "dino"), pictures)
    assert arrays["vector"].shape == arrays["mean"].shape == (5, 384)
    assert arrays["tokens"].shape == (5, 1 + 14 * 14, 384)


@pytest.mark.slow
def test_resnet_50(tmp_path, pictures):
    save_timm(tmp_path / "resnet", "resnet50", 224, {})
    arrays = embed(timm(tmp_path / "resnet", pooling="average", tokens=False), pictures)
    assert arrays["vector"].shape == (5, 2048)


@pytest.mark.slow
def test_the_vae_of_sdxl(tmp_path, pictures):
    from diffusers import AutoencoderKL

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            sample_size=1024,
            scaling_factor=0.13025,
            force_upcast=True,
        ).eval()
    vae.save_pretrained(tmp_path / "sdxl" / "vae")
    settings = Vae(library="vae", source={"path": str(tmp_path / "sdxl")}, size=64, batch_size=2)
    encoder = load_encoder(settings)
    pixels = encoder.transform(grey())
    assert pixels.shape == (3, 64, 64)
    assert np.allclose(pixels, 2 * 128 / 255 - 1, atol=1e-6), "[-1, 1]"
    latents = embed(settings, pictures)["vector"]
    assert latents.shape == (5, 4, 8, 8) and latents.dtype == np.float16
    assert list(encoder.metadata["weights_sha256"]) == ["vae/diffusion_pytorch_model.safetensors"]
    with torch.inference_mode():
        first = encoder.transform(decode(pictures[0], max_pixels=2**26))[None]
        mean = vae.encode(first).latent_dist.mean * 0.13025
    assert np.allclose(latents[0], mean[0], atol=2e-3), "the mean, not a sample, times the scaling factor"


@pytest.mark.slow
def test_saved_weights_are_the_loaded_ones(weights):
    model = open_clip.create_model(f"local-dir:{weights / 'clip'}")
    stored = load_file(weights / "clip" / "open_clip_model.safetensors")
    assert all(torch.equal(value, stored[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "make", [lambda w: clip(w / "clip"), lambda w: timm(w / "dino"), lambda w: timm(w / "resnet", "average", False)]
)
def test_bfloat16_turns_vectors_a_little_and_says_so(weights, pictures, make, monkeypatch):
    """This also runs on a CPU without fast bfloat16 instructions, because the models are tiny."""
    monkeypatch.setattr("untold.models.encoders.fast_bfloat16", lambda: True)
    exact, settings = make(weights), make(weights).model_copy(update={"dtype": "bfloat16"})
    assert load_encoder(settings).metadata["dtype"] == "bfloat16"
    first, second = embed(exact, pictures), embed(settings, pictures)
    assert second["vector"].dtype == np.float32
    cosines = (first["vector"] * second["vector"]).sum(1)
    cosines /= np.linalg.norm(first["vector"], axis=1) * np.linalg.norm(second["vector"], axis=1)
    assert (cosines > 0.999).all()
    assert not np.array_equal(first["vector"], second["vector"])


def test_a_model_in_the_layout_of_siglip_embeds_pictures_and_prompts(tmp_path, pictures):
    settings = clip(tiny_siglip(tmp_path / "siglip"))
    assert embed(settings, pictures)["vector"].shape == (5, 16)
    encoder = load_text_encoder(settings)
    fits, too_long = "a photo of a old person cooking", "a photo of a old young person cooking"
    first, other, cut = encoder.encode([fits, fits.replace("old", "young"), too_long])
    assert not np.allclose(first, other, atol=1e-4) and np.isfinite(cut).all()
    assert encoder.cut(["a photo", fits, too_long, f"{too_long} " * 9]) == [False, False, True, True]


def test_bfloat16_is_refused_where_it_is_slow(weights, monkeypatch):
    monkeypatch.setattr("untold.models.encoders.fast_bfloat16", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="set float32"):
        load_encoder(clip(weights / "clip").model_copy(update={"dtype": "bfloat16"}))


def test_bfloat16_is_refused_by_a_gpu_that_emulates_it(monkeypatch):
    monkeypatch.setattr("untold.models.encoders.device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    with pytest.raises(ValueError, match=r"capability below 8\.0.*set float32"):
        cast(torch.nn.Linear(1, 1), "bfloat16")


@pytest.mark.parametrize(
    ("flags", "fast"), [("avx2 avx512f", False), ("avx512f avx512_bf16 amx_tile", True), ("amx_bf16", True)]
)
def test_fast_bfloat16_by_the_cpu_s_flags(tmp_path, flags, fast):
    (tmp_path / "cpuinfo").write_text(f"model name : x\nflags : fpu {flags}\nbugs : avx512_bf16\n")
    assert fast_bfloat16(tmp_path / "cpuinfo") is fast
    assert not fast_bfloat16(tmp_path / "absent")
