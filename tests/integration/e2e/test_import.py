"""`sarai import`: what Ollama, llama-swap and a folder of GGUF files have, as a configuration that works."""
import hashlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile

from harness import BIN, MODELS, Case, Sarai, main, run_cli

DATA = pathlib.Path(__file__).resolve().parents[2] / "data" / "import"


class Imported(Sarai):
    """`sarai serve` with a configuration that was imported, but for its address and the folders of the test."""

    def __init__(self, config):
        super().__init__({}, environment={"SARAI_SERVER_LISTEN": "127.0.0.1:0", "SARAI_MEMORY_RESERVE": "0",
                                      "SARAI_MEMORY_MAX_RAM": "2GiB"})
        self.environment["SARAI_ENGINE_RUNTIME_DIR"] = f"{self.folder}/run"
        self.config = config

    def write_config(self):
        pass  # it is there


class Import(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "sarai.yaml"

    def take_over(self, path, *more, status):
        done = run_cli("import", path, "-o", self.out, *more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        checked = run_cli("config", "check", self.out)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        return done

    def serve(self):
        sarai = Imported(self.out)
        self.addCleanup(sarai.close)
        return sarai.start()

    # As Ollama lays it out: manifests/HOST/NAMESPACE/MODEL/TAG, which name blobs/sha256-… by media type.
    def blob(self, content):
        hex = hashlib.sha256(content).hexdigest()
        path = self.folder / "ollama" / "blobs" / f"sha256-{hex}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"sha256:{hex}", len(content)

    def manifest(self, name, **layers):
        def layer(media, content):
            digest, size = self.blob(content)
            return {"mediaType": media, "digest": digest, "size": size}

        path = self.folder / "ollama" / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": layer("application/vnd.docker.container.image.v1+json", b'{"model_format":"gguf"}'),
            "layers": [layer(f"application/vnd.ollama.image.{kind}", content) for kind, content in layers.items()]}))

    def test_an_ollama_folder_is_served_from_where_it_lies(self):
        self.manifest("registry.ollama.ai/library/tiny/latest", model=(MODELS / "lfm2.gguf").read_bytes(),
                      params=b'{"num_ctx":512,"temperature":0}', license=b"MIT")
        self.manifest("registry.ollama.ai/library/embed/300m", model=(MODELS / "embed.gguf").read_bytes())
        before = sorted(str(p) for p in (self.folder / "ollama").rglob("*"))
        done = self.take_over(self.folder / "ollama", status=0)
        self.assertNotIn("no equivalent", done.stderr)
        self.assertIn("tiny", done.stderr)  # the plan
        self.assertEqual(sorted(str(p) for p in (self.folder / "ollama").rglob("*")), before)
        sarai = self.serve()
        self.assertEqual(sarai.chat("tiny", max_tokens=3).status, 200)
        self.assertEqual(sarai.chat("tiny:latest", max_tokens=3).status, 200)
        vectors = sarai.request("POST", "/v1/embeddings", {"model": "embed:300m", "input": "Hello"})
        self.assertEqual(vectors.status, 200, vectors.body)

    def test_what_has_no_equivalent_is_named_and_status_three(self):
        self.manifest("registry.ollama.ai/library/tiny/latest", model=(MODELS / "lfm2.gguf").read_bytes(),
                      params=b'{"stop":["<|end|>"]}', system=b"Be short.")
        done = self.take_over(self.folder / "ollama", status=3)
        self.assertIn("no equivalent:\n  tiny: ", done.stderr)
        self.assertIn("\n  tiny: system Be short.", done.stderr)
        self.assertIn('tiny: parameter stop ["<|end|>"]', done.stderr)
        self.assertIn("#   tiny: system Be short.", self.out.read_text())

    def test_a_folder_of_gguf_files_is_served(self):
        folder = self.folder / "models"
        folder.mkdir()
        for source, name in (("lfm2", "lfm2-Q4"), ("omni", "omni"), ("omni-mmproj", "mmproj-omni"), ("rerank", "judge")):
            os.symlink(MODELS / f"{source}.gguf", folder / f"{name}.gguf")
        self.take_over(folder, status=0)
        text = self.out.read_text()
        self.assertIn(f'mmproj: "{folder}/mmproj-omni.gguf"', text)
        self.assertIn("kind: rerank", text)
        self.assertEqual(self.serve().chat("lfm2-Q4", max_tokens=3).status, 200)

    def test_llama_swaps_published_keys_give_a_valid_configuration(self):
        done = self.take_over(DATA / "llama-swap.yaml", status=3)
        for key in ("models.big.filters", "models.in a container.cmd", "matrix", "groups.pair.swap", "peers.cloud.apiKey"):
            self.assertIn(f"\n  {key} ", done.stderr)

    def test_a_llama_swap_configuration_is_served(self):
        config = self.folder / "swap.yaml"
        shutil.copy(MODELS / "lfm2.gguf", self.folder / "m.gguf")
        config.write_text("macros: {size: 512}\nmodels:\n  tiny:\n    ttl: 60\n"
                          "    cmd: llama-server --port ${PORT} -m m.gguf -c ${size} --temp 0.5\n"
                          "hooks: {on_startup: {preload: [tiny]}}\n")
        self.take_over(config, status=0)
        sarai = self.serve()
        self.assertEqual(sarai.chat("tiny", max_tokens=3).status, 200)

    def test_nothing_is_overwritten_without_being_asked(self):
        shutil.copy(MODELS / "lfm2.gguf", self.folder / "m.gguf")
        self.out.write_text("mine")
        done = run_cli("import", self.folder, "-o", self.out)
        self.assertEqual((done.returncode, self.out.read_text()), (2, "mine"), done.stderr)
        self.assertIn("--force", done.stderr)
        self.take_over(self.folder, "--force", status=0)

    def test_a_full_disk_costs_nothing_that_was_there(self):
        shutil.copy(MODELS / "lfm2.gguf", self.folder / "m.gguf")
        before = "# mine\n" * 50
        self.out.write_text(before)
        done = subprocess.run([BIN / "sarai", "import", self.folder, "-o", self.out, "--force"], capture_output=True, text=True, timeout=120,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.out.read_text(), before)

    def test_without_a_file_the_configuration_is_standard_output(self):
        shutil.copy(MODELS / "lfm2.gguf", self.folder / "m.gguf")
        done = run_cli("import", self.folder)
        self.assertTrue(done.stdout.startswith("# Made by sarai import of "), done.stdout)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["m.gguf"])
        said = json.loads(run_cli("import", self.folder, "--json").stdout)
        self.assertEqual((said["models"], said["no_equivalent"]), (["m"], []))
        self.assertEqual(said["configuration"], done.stdout)
        self.assertEqual(said["plan"]["models"][0]["name"], "m")

    def test_what_is_nothing_of_it_says_what_was_looked_for(self):
        done = run_cli("import", self.folder)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        for word in ("manifests", "cmd", "*.gguf"):
            self.assertIn(word, done.stderr)
        self.assertEqual(run_cli("import", self.folder / "nowhere").returncode, 2)


if __name__ == "__main__":
    main()
