"""Ollama's Python client, unmodified, against a server: prints a line of JSON for each feature, see report.py."""
import datetime
import importlib.metadata
import json
import os

import httpx
import ollama

from report import BASE, KEY, LOCKED, becomes_busy, becomes_idle, equal, feature, holds, png, raises, run, wait

client = ollama.Client(host=BASE)
HELLO = [{"role": "user", "content": "Hello"}]
SHORT = {"num_predict": 8, "temperature": 0}
TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}, "count": {"type": "integer", "enum": [1, 2]}},
          "required": ["answer", "count"], "additionalProperties": False}


def chat(model="lfm2", messages=HELLO, **more):
    return client.chat(**{"model": model, "messages": messages, "options": SHORT, **more})


def generate(prompt="Once", **more):
    return client.generate(**{"model": "lfm2", "prompt": prompt, "options": SHORT, **more})


def names():
    return {m.model.removesuffix(":latest") for m in client.list().models}


def loaded():
    return {m.model.removesuffix(":latest"): m for m in client.ps().models}


def pulled():
    """A model of the library."""
    equal(client.pull("shelf/solar").status, "success", "the status of a pull")
    return "shelf/solar"


def check_calls(calls, cities):
    equal([(c.function.name, dict(c.function.arguments)) for c in calls], [("weather", {"city": city}) for city in cities], "the calls")


def check_end(reply):
    equal((reply.done, reply.done_reason), (True, "length"), "the end")
    equal(reply.eval_count, 8, "the tokens of the answer")
    holds(reply.prompt_eval_count > 0 and reply.total_duration > 0, f"counts are missing: {reply!r}")


@feature("models.list")
def _():
    holds({"lfm2", "omni", "embed"} <= names(), f"models are missing: {names()}")
    client.show("lfm2")  # waits for what is read from files in the background; the list does not
    row = next(m for m in client.list().models if m.model.removesuffix(":latest") == "lfm2")
    holds(row.modified_at and row.size and row.digest and row.details.family == "lfm2", f"fields are missing: {row!r}")


@feature("models.one")
def _():
    shown = client.show("lfm2")
    equal((shown.details.family, shown.details.format), ("lfm2", "gguf"), "family and format")
    holds("completion" in shown.capabilities, f"capabilities: {shown.capabilities}")
    holds(shown.modelinfo["general.architecture"] == "lfm2" and shown.template, "metadata or template are missing")
    equal(client.show("embed").capabilities, ["embedding"], "what the embedding model can do")
    holds("vision" in client.show("omni").capabilities, "the model with a projector cannot see")


@feature("models.loaded")
def _():
    chat()
    row = loaded()["lfm2"]
    holds(row.size > 0 and row.expires_at and row.details.family == "lfm2" and row.context_length, f"fields are missing: {row!r}")


@feature("chat")
def _():
    reply = chat()
    equal((reply.model, reply.message.role), ("lfm2", "assistant"), "model and role")
    holds(reply.message.content and reply.created_at, "there is no text")
    check_end(reply)


@feature("chat.stream")
def _():
    lines = list(chat(stream=True))
    equal([line.done for line in lines], [False] * (len(lines) - 1) + [True], "the marks of the end")
    check_end(lines[-1])
    equal("".join(line.message.content or "" for line in lines), chat().message.content, "the streamed text")


@feature("chat.async")
async def _():
    other = ollama.AsyncClient(host=BASE)
    ask = {"model": "lfm2", "messages": HELLO, "options": SHORT}
    whole = await other.chat(**ask)
    text = ""
    async for line in await other.chat(**ask, stream=True):
        text += line.message.content or ""
    equal(text, whole.message.content, "the streamed text")


@feature("chat.turns")
def _():
    turns = [{"role": "system", "content": "Be brief."}, *HELLO, ollama.Message(role="assistant", content="Hi."),
             {"role": "user", "content": "How are you?"}]
    holds(chat(messages=turns).prompt_eval_count > chat().prompt_eval_count, "the earlier turns were not read")


@feature("chat.seed")
def _():
    first, second = (chat(options={"seed": 7, "temperature": 1, "num_predict": 24}).message.content for _ in range(2))
    equal(first, second, "the text of the same seed")


@feature("chat.stop")
def _():
    longer = {"num_predict": 24, "temperature": 0}
    text = chat(options=longer).message.content
    stop = text[8:10]
    reply = chat(options={**longer, "stop": [stop]})
    equal(reply.message.content, text[:text.index(stop)], "the text before the stop")
    equal(reply.done_reason, "stop", "the reason of the end")


@feature("chat.logprobs")
def _():
    tokens = chat(logprobs=True, top_logprobs=2).logprobs
    equal(len(tokens), 8, "the number of tokens")
    holds(all(t.logprob <= 0 and len(t.top_logprobs) == 2 for t in tokens), f"not log-probabilities: {tokens}")


@feature("chat.options")
def _():
    options = ollama.Options(num_predict=3, temperature=0.5, top_k=5, top_p=0.9, repeat_penalty=1.1, num_ctx=512, seed=1)
    equal(chat(options=options).eval_count, 3, "the tokens of the answer")


@feature("keep_alive.load")
def _():
    equal(client.generate(model="lfm2", keep_alive="7m").done_reason, "load", "the reason after a load")
    holds("lfm2" in loaded(), "it is not loaded")
    equal(client.generate(model="lfm2", keep_alive=0).done_reason, "unload", "the reason after an unload")
    wait(lambda: "lfm2" not in loaded(), "it is still loaded")


@feature("keep_alive.expiry")
def _():
    chat(keep_alive="7m")
    left = loaded()["lfm2"].expires_at - datetime.datetime.now(datetime.timezone.utc)
    holds(360 < left.total_seconds() <= 420, f"it expires in {left}; expected 7 minutes")


@feature("tools")
def _():
    reply = chat("caller", tools=TOOLS)
    check_calls(reply.message.tool_calls, ["Paris"])
    equal(reply.done_reason, "stop", "the reason of the end")


@feature("tools.parallel")
def _():
    check_calls(chat("caller", [{"role": "user", "content": "both"}], tools=TOOLS).message.tool_calls, ["Paris", "Rome"])


@feature("tools.stream")
def _():
    lines = list(chat("caller", [{"role": "user", "content": "both"}], tools=TOOLS, stream=True))
    check_calls([call for line in lines for call in line.message.tool_calls or []], ["Paris", "Rome"])
    holds(lines[-1].done, "the last line does not say that it is")


@feature("tools.result")
def _():
    call = chat("caller", tools=TOOLS).message
    turns = [*HELLO, call, {"role": "tool", "tool_name": "weather", "content": "sunny"}]
    equal(chat("caller", turns, tools=TOOLS).message.content, "I was told: sunny", "the answer")
    holds(chat(messages=turns, tools=TOOLS).message.content, "a local model says nothing about it")


@feature("json")
def _():
    reply = chat(format="json", options={"num_predict": 200, "temperature": 0})
    holds(reply.message.content.lstrip().startswith("{"), f"no object: {reply.message.content!r}")
    if reply.done_reason == "stop":
        json.loads(reply.message.content)


@feature("json.schema")
def _():
    for text in (chat(format=SCHEMA, options={"num_predict": 300}).message.content,
                 generate(format=SCHEMA, options={"num_predict": 300}).response):
        verdict = json.loads(text)
        holds(verdict["answer"] in ("yes", "no") and verdict["count"] in (1, 2), f"not of the schema: {text}")


@feature("think")
def _():
    reply = chat("thinker", think=True)
    equal((reply.message.thinking, reply.message.content), ("Two and two. ", "Four."), "thoughts and answer")
    lines = list(chat("thinker", think=True, stream=True))
    equal("".join(line.message.thinking or "" for line in lines), "Two and two. ", "the streamed thoughts")
    equal("".join(line.message.content or "" for line in lines), "Four.", "the streamed answer")


@feature("images")
def _():
    seen = chat("omni", [{"role": "user", "content": "Hello", "images": [png()]}])
    holds(seen.message.content, "there is no text")
    holds(seen.prompt_eval_count > chat("omni").prompt_eval_count, "the picture takes no tokens")
    holds(generate(model="omni", images=[png()]).response, "generate says nothing about it")


@feature("completion")
def _():
    reply = generate()
    equal(reply.model, "lfm2", "the model")
    holds(reply.response, "there is no text")
    check_end(reply)


@feature("completion.stream")
def _():
    lines = list(generate(stream=True))
    equal("".join(line.response or "" for line in lines), generate().response, "the streamed text")
    check_end(lines[-1])


@feature("completion.system")
def _():
    holds(generate(system="Be brief.").prompt_eval_count > generate().prompt_eval_count, "the system prompt was not read")


@feature("completion.raw")
def _():
    holds(generate(raw=True).prompt_eval_count < generate().prompt_eval_count, "the template was applied")


@feature("completion.context")
def _():
    first = generate()
    holds(first.context and all(isinstance(token, int) for token in first.context), f"no tokens: {first.context}")
    holds(generate("More", context=first.context).prompt_eval_count > generate("More").prompt_eval_count, "the context was not read")


@feature("completion.suffix")
def _():
    holds(generate(model="omni", suffix="end").response, "there is no text")


@feature("embeddings")
def _():
    reply = client.embed(model="embed", input="one")
    equal(len(reply.embeddings), 1, "the number of vectors")
    holds(abs(sum(x * x for x in reply.embeddings[0]) - 1) < 1e-3, "the vector is not of length 1")
    holds(reply.prompt_eval_count > 0, "no tokens are counted")


@feature("embeddings.list")
def _():
    vectors = client.embed(model="embed", input=["one", "two", "three"]).embeddings
    equal(len(vectors), 3, "the number of vectors")
    holds(vectors[0] != vectors[1], "different texts have the same vector")


@feature("embeddings.dimensions")
def _():
    vector = client.embed(model="embed", input="one", dimensions=16).embeddings[0]
    equal(len(vector), 16, "the dimensions")
    holds(abs(sum(x * x for x in vector) - 1) < 1e-3, "the shorter vector is not of length 1")


@feature("embeddings.legacy")
def _():
    vector = client.embeddings(model="embed", prompt="one").embedding
    equal(len(vector), len(client.embed(model="embed", input="one").embeddings[0]), "the dimensions")


@feature("library.create")
def _():
    statuses = [p.status for p in client.create(model="made", from_=pulled(), system="Be brief.", parameters={"num_predict": 3}, stream=True)]
    equal(statuses[-1], "success", "the last status")
    holds("made" in names(), "it is not listed")
    equal(chat("made", options={}).eval_count, 3, "the tokens, of which its parameters allow three")
    client.delete("made")


@feature("library.configured")
def _():
    equal(client.create(model="made", from_="lfm2", system="Be brief.", parameters={"num_predict": 3}).status, "success", "the status")
    equal(client.chat(model="made", messages=[{"role": "user", "content": "Hi"}]).eval_count, 3, "the tokens of its answer")
    equal(client.show("made").parameters.split(), ["num_predict", "3"], "its parameters")
    client.delete("made")


@feature("library.blobs")
def _():
    digest = client.create_blob(os.environ["SARAI_TEST_MODELS"] + "/solar.gguf")
    equal(client.create(model="uploaded", files={"solar.gguf": digest}).status, "success", "the status")
    equal(client.show("uploaded").details.family, "llama", "the family")
    equal(chat("uploaded").eval_count, 8, "the tokens of an answer")
    client.delete("uploaded")
    raises(ollama.ResponseError, lambda: client.create(model="x", files={"a.gguf": "sha256:" + 64 * "0"}))


@feature("library.copy")
def _():
    equal(client.copy(pulled(), "second").status, "success", "the status")
    holds({"shelf/solar", "second"} <= names(), f"not listed: {names()}")
    client.delete("shelf/solar")
    equal(chat("second").eval_count, 8, "the tokens of an answer")
    client.delete("second")
    raises(ollama.ResponseError, lambda: client.copy("nope", "x"), 404)


@feature("library.delete")
def _():
    name = pulled()
    equal(client.delete(name).status, "success", "the status")
    holds(name not in names(), "it is still listed")
    raises(ollama.ResponseError, lambda: client.delete(name), 404)
    raises(ollama.ResponseError, lambda: chat(name), 404)


@feature("library.pull")
def _():
    lines = list(client.pull("shelf/solar", stream=True))
    equal(lines[-1].status, "success", "the last status")
    holds(any(line.total and line.completed for line in lines), f"no progress is told: {lines}")
    holds("shelf/solar" in names(), f"not listed: {names()}")
    equal(client.pull("shelf/solar").status, "success", "the status where it is there already")
    equal(chat("shelf/solar").eval_count, 8, "the tokens of an answer")
    client.delete("shelf/solar")
    raises(ollama.ResponseError, lambda: list(client.pull("shelf/none", stream=True)))


@feature("errors.model")
def _():
    for call in (lambda: chat("nope"), lambda: generate(model="nope"), lambda: client.show("nope"),
                 lambda: client.embed(model="nope", input="x")):
        error = raises(ollama.ResponseError, call, 404)
        holds("nope" in error.error, f"the model is not named: {error.error}")


@feature("errors.parameter")
def _():
    raises(ollama.ResponseError, lambda: chat(keep_alive="10"), 400)
    raises(ollama.ResponseError, lambda: chat("embed"), 400)


@feature("errors.stream")
def _():
    raises(ollama.ResponseError, lambda: list(chat("nope", stream=True)), 404)
    raises(ollama.ResponseError, lambda: list(chat(keep_alive="10", stream=True)), 400)


@feature("errors.key")
def _():
    raises(ollama.ResponseError, lambda: ollama.Client(host=LOCKED).list(), 401)
    ollama.Client(host=LOCKED, headers={"Authorization": "Bearer " + KEY}).list()


@feature("errors.limit")
def _():
    raises(ollama.ResponseError, lambda: chat("limited"), 429)


@feature("errors.lost")
def _():
    raises(ollama.ResponseError, lambda: chat("lost"), 503)


@feature("timeout")
def _():
    for model in ("slow", "long"):
        hasty = ollama.Client(host=BASE, timeout=1)
        raises(httpx.ReadTimeout, lambda: hasty.chat(model=model, messages=HELLO, options={"num_predict": 100000}))
        becomes_idle()


@feature("abort")
def _():
    for model in ("slow", "long"):
        stream = chat(model, stream=True, options={"num_predict": 100000})
        next(stream)
        becomes_busy()
        stream.close()
        becomes_idle()


run("python_ollama", importlib.metadata.version("ollama"))
