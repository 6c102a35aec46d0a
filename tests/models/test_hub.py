"""Test that models are fetched complete and correct, or not at all; a small local server acts as the hub."""

import hashlib
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from scripts import check_catalogue
from tests.conftest import ROOT
from untold.models.hub import FetchError, fetch, select

REPOSITORY, REVISION = "owner/model", "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = b"safetensors, let us say " * 20_000
INDEX = {"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "vae": [None, None]}
FILES = {
    "model_index.json": json.dumps(INDEX).encode(),
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": WEIGHTS,
    "unet/diffusion_pytorch_model.bin": b"a pickle",
    "all_in_one.safetensors": b"the same weights once more",
    "other/config.json": b'{"not": "of the pipeline"}',
    "README.md": b"# model",
}
FETCHED = ["model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"]


class Hub(ThreadingHTTPServer):
    """Server of one repository at one revision, with configurable faults."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.cuts = 0  # number of downloads of the weights that break off half-way
        self.down = False  # if True, every connection closes without sending a byte
        self.sent: list[tuple[str, int]] = []  # file and first byte of every download

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body: bool):
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/revision/(\w+)", path):
            self.describe(*match.groups())
        elif match := re.fullmatch(rf"/{REPOSITORY}/resolve/{REVISION}/(.+)", path):
            self.send_file(match[1], body)
        else:
            self.fail("EntryNotFound")

    def fail(self, code: str):
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def describe(self, repository: str, revision: str):
        if repository != REPOSITORY:
            return self.fail("RepoNotFound")
        if revision != REVISION:
            return self.fail("RevisionNotFound")
        siblings = []
        for name, content in FILES.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            file = {"rfilename": name, "size": len(content), "blobId": blob}
            if name.endswith((".safetensors", ".bin")):
                sha256 = hashlib.sha256(content).hexdigest()
                file["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(file)
        content = json.dumps({"id": REPOSITORY, "sha": REVISION, "siblings": siblings}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_file(self, name: str, body: bool):
        content = self.server.files[name]
        first = int(match[1]) if (match := re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))) else 0
        self.send_response(206 if first else 200)
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if not body:
            return
        self.server.sent.append((name, first))
        if self.server.down and name.endswith(".safetensors"):
            self.close_connection = True
        elif self.server.cuts and name.endswith(".safetensors"):
            self.server.cuts -= 1
            self.wfile.write(content[first : (first + len(content)) // 2])
            self.close_connection = True
        else:
            self.wfile.write(content[first:])


@pytest.fixture
def hub(monkeypatch):
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        yield server


@contextmanager
def serving():
    server = Hub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_pipeline_arrives_whole_and_without_pickles(hub, tmp_path):
    manifest = fetch(REPOSITORY, REVISION, None, tmp_path)
    assert files_in(tmp_path) == sorted(manifest["files"]) == FETCHED
    for name, entry in manifest["files"].items():
        content = (tmp_path / name).read_bytes()
        assert content == FILES[name]
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_what_is_there_and_right_is_not_fetched_again(hub, tmp_path):
    first = fetch(REPOSITORY, REVISION, None, tmp_path)
    hub.sent.clear()
    assert fetch(REPOSITORY, REVISION, None, tmp_path) == first
    assert hub.sent == []


def test_a_file_that_was_damaged_here_is_fetched_again(hub, tmp_path):
    fetch(REPOSITORY, REVISION, None, tmp_path)
    hub.sent.clear()
    path = tmp_path / FETCHED[2]
    path.write_bytes(WEIGHTS[:-1] + b"?")
    fetch(REPOSITORY, REVISION, None, tmp_path)
    assert [name for name, _ in hub.sent] == [FETCHED[2]]
    assert path.read_bytes() == WEIGHTS


def test_a_connection_that_is_cut_goes_on_where_it_stopped(hub, tmp_path, monkeypatch):
    # The client keeps received data in complete chunks of 10 MiB.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 50_000)
    hub.cuts = 2
    fetch(REPOSITORY, REVISION, None, tmp_path)
    assert (tmp_path / FETCHED[2]).read_bytes() == WEIGHTS
    starts = [first for name, first in hub.sent if name == FETCHED[2]]
    assert len(starts) == 3
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[-1] > 0


def test_a_connection_that_stays_cut_says_so_and_a_later_fetch_completes(hub, tmp_path):
    hub.down = True
    with pytest.raises(FetchError, match=r"owner/model@0123.*unet/diffusion_pytorch_model\.safetensors broke off"):
        fetch(REPOSITORY, REVISION, None, tmp_path)
    assert not (tmp_path / FETCHED[2]).exists()
    hub.down = False
    fetch(REPOSITORY, REVISION, None, tmp_path)
    assert (tmp_path / FETCHED[2]).read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", FETCHED)
def test_a_wrong_checksum_is_refused_and_removed(hub, tmp_path, name):
    content = FILES[name]
    hub.files[name] = bytes([content[0] ^ 1]) + content[1:]  # same length
    with pytest.raises(FetchError, match=rf"{re.escape(name)} arrived with a wrong checksum and was removed"):
        fetch(REPOSITORY, REVISION, None, tmp_path)
    assert not (tmp_path / name).exists()
    hub.files = dict(FILES)
    fetch(REPOSITORY, REVISION, None, tmp_path)
    assert (tmp_path / name).read_bytes() == content


def test_a_missing_revision_is_named(hub, tmp_path):
    with pytest.raises(FetchError, match=r"owner/model@f{40}: the repository has no such revision"):
        fetch(REPOSITORY, "f" * 40, None, tmp_path)


def test_a_missing_repository_is_named(hub, tmp_path):
    with pytest.raises(FetchError, match=r"owner/other@.*: no such repository"):
        fetch("owner/other", REVISION, None, tmp_path)


def test_without_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        nobody = server.url
    monkeypatch.setenv("HF_ENDPOINT", nobody)
    with pytest.raises(FetchError, match=r"does not answer.*snakemake fetch_models.*login node.*copy resources/models"):
        fetch(REPOSITORY, REVISION, None, tmp_path)


def test_patterns_choose_files(hub, tmp_path):
    fetch(REPOSITORY, REVISION, ["all_in_one.safetensors"], tmp_path)
    assert (tmp_path / "all_in_one.safetensors").is_file()
    assert not (tmp_path / "unet").exists()


@pytest.mark.parametrize(
    ("names", "patterns", "message"),
    [
        (["a.safetensors", "b.bin"], ["b.bin"], "b.bin can run code"),
        (["a.safetensors", "pipeline.py"], ["*"], "pipeline.py can run code"),
        (["a.safetensors"], ["*.gguf"], r"\*.gguf matches no file"),
        (["pytorch_model.bin", "config.json"], None, "no safetensors"),
        (["../../.bashrc.json", "a.safetensors"], None, "leads out of its folder"),
        (["/etc/a.json", "a.safetensors"], None, "leads out of its folder"),
    ],
)
def test_refusals(names, patterns, message):
    with pytest.raises(FetchError, match=message):
        select(names, patterns, None)


def test_models_that_are_no_pipelines_come_without_pickles():
    names = [
        "open_clip_config.json",
        "open_clip_model.safetensors",
        "open_clip_pytorch_model.bin",
        "merges.txt",
        "x.md",
    ]
    assert select(names, None, None) == ["merges.txt", "open_clip_config.json", "open_clip_model.safetensors"]


# -- the script -------------------------------------------------------------------------------------------------


def script(folder: Path, url: str, revision: str = REVISION, **environment) -> subprocess.CompletedProcess:
    settings = {"repository": REPOSITORY, "revision": revision, "files": None}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.fetch_model",
            "--settings",
            json.dumps(settings),
            "--manifest",
            str(folder / "manifest.json"),
        ],
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": url, "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0", **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_script_writes_its_manifest_last_and_the_same_each_time(tmp_path):
    with serving() as server:
        done = script(tmp_path / "a", server.url)
        assert done.returncode == 0, done.stderr
        assert script(tmp_path / "b", server.url).returncode == 0
        missing = script(tmp_path / "c", server.url, "f" * 40)
        offline = script(tmp_path / "d", server.url, HF_HUB_OFFLINE="1")
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()
    assert sorted(json.loads((tmp_path / "a" / "manifest.json").read_text())["files"]) == FETCHED
    for failed, message in ((missing, "no such revision"), (offline, "HF_HUB_OFFLINE is set")):
        assert failed.returncode == 1
        assert message in failed.stderr.splitlines()[-1]
        assert "Traceback" not in failed.stderr
    assert not (tmp_path / "c" / "manifest.json").exists()
    assert not (tmp_path / "d" / "manifest.json").exists()


def entry(**changes) -> dict:
    """Return an entry of the catalogue whose weights the local hub has."""
    source = {"repository": REPOSITORY, "revision": REVISION} | changes
    return {"about": {"download": f"{sum(len(FILES[name]) for name in FETCHED) / 1e6:.3f} MB"}, "source": source}


def test_the_catalogue_is_checked_against_the_hub(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert check_catalogue.problem(entry()) == ""
    assert check_catalogue.problem(entry(files=["unet/*.safetensors"])) == ""
    assert "no such revision" in check_catalogue.problem(entry(revision="f" * 40))
    assert "matches no file" in check_catalogue.problem(entry(files=["unet/*.fp16.safetensors"]))
    assert "0.00 GB on the hub" in check_catalogue.problem(entry() | {"about": {"download": "3 GB"}})
    assert all(name == "model_index.json" for name, _ in hub.sent), "only the index is downloaded"
