"""sarai under the restrictions of its unit: workers, measuring children, ffmpeg and espeak-ng in their cages."""
import base64
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration/e2e"))

from harness import MODELS, Case, Sarai, local, main  # noqa: E402
from media import png  # noqa: E402

CONFINED = [sys.executable, "-B", ROOT / "tests/packages/confined.py", ROOT / "deploy/sarai.service"]
TRIED = """
import mmap, os, socket
def refused(what):
    try: what()
    except OSError as error: return error.errno
print(refused(lambda: mmap.mmap(-1, 4096, prot=7)), refused(lambda: socket.socket(socket.AF_PACKET)), refused(lambda: os.chroot("/")),
      refused(lambda: socket.socket()))
"""


class Confined(Case):
    def test_the_restrictions_hold(self):
        tried = subprocess.run([*CONFINED, sys.executable, "-c", TRIED], capture_output=True, text=True, check=True)
        self.assertEqual(tried.stdout, "13 97 1 None\n")

    def test_models_answer_see_and_speak(self):
        sarai = Sarai({"lfm2": local("lfm2"),
                       "omni": f"backend: gguf_native, path: '{MODELS}/omni.gguf', mmproj: '{MODELS}/omni-mmproj.gguf', context_length: 4096"})
        self.addCleanup(sarai.close)
        sarai.prefix = CONFINED
        sarai.start()
        self.assertEqual(sarai.chat("lfm2").status, 200, sarai.log())
        # A format that the engine does not read: ffmpeg converts it.
        picture = subprocess.run(["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "webp", "pipe:1"], input=png(side=64), capture_output=True, check=True).stdout
        content = [{"type": "text", "text": "What?"},
                   {"type": "image_url", "image_url": {"url": "data:image/webp;base64," + base64.b64encode(picture).decode()}}]
        seen = sarai.request("POST", "/v1/chat/completions", {"model": "omni", "max_tokens": 2, "messages": [{"role": "user", "content": content}]}, timeout=120)
        self.assertEqual(seen.status, 200, (seen.body, sarai.log()))
        said = sarai.request("POST", "/v1/audio/speech", {"model": "tts-1", "input": "Hello there.", "voice": "alloy"})
        self.assertEqual(said.status, 200, (said.body, sarai.log()))
        self.assertGreater(len(said.body), 1000)


if __name__ == "__main__":
    main()
