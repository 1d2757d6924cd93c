"""What /metrics says, against Prometheus' conventions and the dashboard that reads it."""
import json
import pathlib
import re
import unittest

from harness import MODELS, Sarai

DASHBOARD = pathlib.Path(__file__).parents[3] / "deploy" / "grafana-dashboard.json"


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"embed": f"backend: gguf_native, kind: embedding, path: '{MODELS}/embed.gguf', context_length: 256"}).start()
        cls.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "x"})
        cls.text = cls.sarai.request("GET", "/metrics").body.decode()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def families(self):
        return dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.M))

    def test_names_follow_the_conventions(self):
        for name, kind in self.families().items():
            self.assertRegex(name, r"^sarai_[a-z_]+$")
            self.assertEqual(kind == "counter", name.endswith("_total"), (name, kind))
            for unit in ("_ms", "_milliseconds", "_mb", "_kb", "_percent"):
                self.assertFalse(name.endswith(unit), name)
            self.assertIn(f"# HELP {name} ", self.text)

    def test_the_dashboard_asks_for_nothing_that_is_not_there(self):
        known = set(self.families())
        # Families without a sample are not printed: what the sources declare counts.
        sources = (pathlib.Path(__file__).parents[3] / "src" / "gateway" / "metrics.cpp").read_text()
        known |= set(re.findall(r'"(sarai_[a-z_]+)"', sources))
        asked = set()
        for panel in json.loads(DASHBOARD.read_text())["panels"]:
            for target in panel.get("targets", []):
                asked |= set(re.findall(r"\bsarai_[a-z_]+", target["expr"]))
        self.assertGreater(len(asked), 15)
        for name in asked:
            self.assertIn(re.sub(r"_bucket$", "", name), known)


if __name__ == "__main__":
    unittest.main()
