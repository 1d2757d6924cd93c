"""What is asked of each client: the rows of docs/compatibility.md in their order, and what is known not to work."""
import dataclasses

# The columns.
CLIENTS = {
    "python_openai": "openai (Python)",
    "node_openai": "openai (Node)",
    "python_ollama": "ollama (Python)",
    "node_ollama": "ollama (Node)",
    "node_anthropic": "@anthropic-ai/sdk (Node)",
}
OPENAI = ("python_openai", "node_openai")
OLLAMA = ("python_ollama", "node_ollama")
ANTHROPIC = ("node_anthropic",)
PYTHON = ("python_openai", "python_ollama")
ALL = OPENAI + OLLAMA + ANTHROPIC


@dataclasses.dataclass(frozen=True)
class Feature:
    name: str
    title: str
    clients: tuple  # whose interface has it


FEATURES = [
    Feature("models.list", "list models", ALL),
    Feature("models.one", "one model: retrieve, show", ALL),
    Feature("models.loaded", "loaded models: ps", OLLAMA),
    Feature("chat", "chat", ALL),
    Feature("chat.stream", "chat, streamed: order, usage, reason of the end", ALL),
    Feature("chat.helper", "chat, streamed through the client's helper", OPENAI + ANTHROPIC),
    Feature("chat.async", "asynchronous client, whole and streamed", PYTHON),
    Feature("chat.turns", "several turns with a system prompt", ALL),
    Feature("chat.seed", "`seed`", OPENAI + OLLAMA),
    Feature("chat.stop", "`stop`, `stop_sequences`", ALL),
    Feature("chat.n", "`n` = 2", OPENAI),
    Feature("chat.logprobs", "log-probabilities", OPENAI + OLLAMA),
    Feature("chat.options", "`options`", OLLAMA),
    Feature("keep_alive.load", "load and unload by `keep_alive`", OLLAMA),
    Feature("keep_alive.expiry", "`keep_alive` as a time until the unload", OLLAMA),
    Feature("tools", "a tool call", ALL),
    Feature("tools.parallel", "several tool calls at once", ALL),
    Feature("tools.stream", "tool calls, streamed", ALL),
    Feature("tools.result", "a tool's result goes back", ALL),
    Feature("json", "JSON mode", OPENAI + OLLAMA),
    Feature("json.schema", "JSON schema", OPENAI + OLLAMA),
    Feature("json.parse", "JSON schema through the client's `parse`", OPENAI),
    Feature("think", "thinking, whole and streamed", OLLAMA + ANTHROPIC),
    Feature("images", "images", ALL),
    Feature("completion", "completion: `completions`, `generate`", OPENAI + OLLAMA),
    Feature("completion.stream", "completion, streamed", OPENAI + OLLAMA),
    Feature("completion.echo", "`echo`", OPENAI),
    Feature("completion.system", "completion with `system`", OLLAMA),
    Feature("completion.raw", "`raw`", OLLAMA),
    Feature("completion.context", "`context`", OLLAMA),
    Feature("completion.suffix", "`suffix`", OPENAI + OLLAMA),
    Feature("embeddings", "embeddings as the client asks by itself (OpenAI's: base64)", OPENAI + OLLAMA),
    Feature("embeddings.list", "embeddings of a list", OPENAI + OLLAMA),
    Feature("embeddings.dimensions", "`dimensions`", OPENAI + OLLAMA),
    Feature("embeddings.legacy", "`/api/embeddings`", OLLAMA),
    Feature("responses", "responses", OPENAI),
    Feature("responses.stream", "responses, streamed", OPENAI),
    Feature("responses.previous", "`previous_response_id`", OPENAI),
    Feature("responses.stored", "responses: retrieve, input items, delete", OPENAI),
    Feature("responses.tools", "responses with tools", OPENAI),
    Feature("responses.schema", "responses with a JSON schema", OPENAI),
    Feature("count_tokens", "`count_tokens`", ANTHROPIC),
    Feature("library.create", "create from a model of the library", OLLAMA),
    Feature("library.configured", "create from a configured model", OLLAMA),
    Feature("library.blobs", "create from an uploaded file", ("python_ollama",)),
    Feature("library.copy", "copy", OLLAMA),
    Feature("library.delete", "delete", OLLAMA),
    Feature("library.pull", "pull", OLLAMA),
    Feature("errors.model", "unknown model: the client's class or status", ALL),
    Feature("errors.parameter", "bad parameter", ALL),
    Feature("errors.stream", "both where a stream was asked for", ALL),
    Feature("errors.key", "missing key, wrong key", ALL),
    Feature("errors.limit", "rate limit of an upstream", ALL),
    Feature("errors.lost", "unreachable upstream", ALL),
    Feature("timeout", "the client's timeout; the server stops", ("python_openai", "node_openai", "python_ollama", "node_anthropic")),
    Feature("abort", "a stream is left; the server stops", ALL),
]

# (feature, client) → why it does not work. A test fails where it does after all.
LIMITS = {}


def of(client):
    """The names of the features that a client has."""
    return [feature.name for feature in FEATURES if client in feature.clients]
