"""A model whose layers are spread over ggml-rpc-servers, and what becomes of it when one of them goes."""
import json
import os
import pathlib
import subprocess

from harness import Case, Sarai, free_port, local, main, run_cli, wait_until

RPC_SERVER = next(pathlib.Path("/usr/libexec").glob("*/llama/bin/ggml-rpc-server"), pathlib.Path("ggml-rpc-server"))


class Node:
    def __init__(self, port=0):
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen([RPC_SERVER, "-H", "127.0.0.1", "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.listens, "the rpc server to listen")

    def listens(self):
        inodes = set()
        for link in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(link).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                pass
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(row[3] == "0A" and row[9] in inodes and row[1].endswith(f":{self.port:04X}") for row in rows)

    def resident(self):
        return int(next(line.split()[1] for line in open(f"/proc/{self.process.pid}/status") if line.startswith("VmRSS"))) * 1024

    def close(self):
        self.process.kill()
        self.process.wait(10)


class Cluster(Case):
    def setUp(self):
        self.nodes = [Node(), Node()]
        for node in self.nodes:
            self.addCleanup(node.close)

    def sarai(self, model="solar", more="", split=""):
        sarai = Sarai({model: local(model, "sharded: true, preload: true" + more), "embed": local("embed", "kind: embedding")})
        sarai.engine = ", rpc: [" + ", ".join(f"'{node.address}'" for node in self.nodes) + "]" + split
        self.addCleanup(sarai.close)
        return sarai

    def test_the_layers_are_where_they_were_planned_and_the_answer_is_the_same(self):
        sarai = self.sarai().start()
        wait_until(lambda: sarai.row("solar")["state"] == "ready", "the model")
        alone = self.serve({"solar": local("solar", "preload: true")})
        answers = [server.chat("solar", max_tokens=32, temperature=0).json["choices"][0]["message"]["content"] for server in (alone, sarai)]
        self.assertEqual(answers[0], answers[1])
        row = sarai.row("solar")
        self.assertEqual([node["address"] for node in row["nodes"]], [node.address for node in self.nodes])
        self.assertTrue(all(node["planned_bytes"] > 0 and node["memory_bytes"] > 2**30 for node in row["nodes"]), row)
        here = {line["what"]: line["bytes"] for line in row["plan"]}
        whole = {line["what"]: line["bytes"] for line in alone.row("solar")["plan"]}
        self.assertLess(here["weights"], whole["weights"] / 2, "the vocabulary stays here")
        self.assertEqual(here["kv_cache"], 0)

    def test_models_with_recurrent_state_can_be_spread_as_well(self):
        sarai = self.sarai("lfm2", split=", rpc_split: [3, 1]").start()
        self.assertEqual(sarai.chat("lfm2", max_tokens=8).status, 200)

    def test_plan_shows_each_nodes_share(self):
        sarai = self.sarai()
        sarai.write_config()
        text = run_cli("plan", "--config", sarai.config)
        self.assertEqual(text.returncode, 0, text.stdout + text.stderr)
        for node in self.nodes:
            self.assertRegex(text.stdout, rf"node {node.address}, [\d.]+ GiB\n.+\n.*solar [\d.]+ MiB")
        plan = json.loads(run_cli("plan", "--config", sarai.config, "--json").stdout)
        nodes = plan["models"][0]["nodes"]
        self.assertEqual([sorted(node) for node in nodes], [["address", "bytes", "compute_bytes", "context_bytes", "memory_bytes", "weights_bytes"]] * 2)
        self.assertTrue(all(node["bytes"] == node["weights_bytes"] + node["context_bytes"] + node["compute_bytes"] for node in nodes))

    def test_a_node_that_is_gone_is_an_error_that_names_it_and_the_other_models_answer(self):
        sarai = self.sarai().start()
        self.assertEqual(sarai.chat("solar").status, 200)
        self.nodes[1].close()
        wait_until(lambda: sarai.chat("solar").status != 200, "the loss to show")
        reply = sarai.chat("solar")
        self.assertEqual(reply.status, 503, reply.body)
        self.assertIn(self.nodes[1].address, reply.json["error"]["message"])
        self.assertEqual(sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "a"}).status, 200)
        self.nodes[1].start()
        sarai.cli("load", "solar")
        self.assertEqual(sarai.chat("solar").status, 200, "it is back")


if __name__ == "__main__":
    main()
