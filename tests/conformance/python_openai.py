"""OpenAI's Python client, unmodified, against a server: prints a line of JSON for each feature, see report.py."""
import json
import typing

import openai
import pydantic

from report import BASE, KEY, LOCKED, becomes_busy, becomes_idle, equal, feature, holds, png_base64, raises, run

client = openai.OpenAI(base_url=BASE + "/v1", api_key="none", max_retries=0)
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {"name": "weather", "description": "The weather in a city.", "strict": True,
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                          "additionalProperties": False}}
TOOLS = [{"type": "function", "function": WEATHER}]


class Verdict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    answer: typing.Literal["yes", "no"]
    count: typing.Literal[1, 2]


SCHEMA = Verdict.model_json_schema()


def chat(model="lfm2", messages=HELLO, **more):
    return client.chat.completions.create(model=model, messages=messages, **{"max_tokens": 8, "temperature": 0, **more})


def complete(**more):
    return client.completions.create(**{"model": "lfm2", "prompt": "Once", "max_tokens": 8, "temperature": 0, **more})


def check_calls(calls, cities):
    equal([c.function.name for c in calls], ["weather"] * len(cities), "the functions")
    equal([json.loads(c.function.arguments)["city"] for c in calls], cities, "the arguments")
    equal(len({c.id for c in calls if c.id}), len(cities), "the number of different ids")


@feature("models.list")
def _():
    models = list(client.models.list())
    holds({"lfm2", "omni", "embed"} <= {m.id for m in models}, f"models are missing: {models}")
    equal({m.object for m in models}, {"model"}, "the kind of object")


@feature("models.one")
def _():
    equal(client.models.retrieve("omni").id, "omni", "the id")


@feature("chat")
def _():
    reply = chat()
    equal(reply.object, "chat.completion", "the kind of object")
    equal(reply.model, "lfm2", "the model")
    equal(reply.choices[0].message.role, "assistant", "the role")
    equal(reply.choices[0].finish_reason, "length", "the reason of the end")
    holds(reply.choices[0].message.content, "there is no text")
    equal(reply.usage.completion_tokens, 8, "the tokens of the answer")
    equal(reply.usage.total_tokens, reply.usage.prompt_tokens + 8, "the sum of tokens")


@feature("chat.stream")
def _():
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    equal({c.object for c in chunks}, {"chat.completion.chunk"}, "the kinds of object")
    equal(len({c.id for c in chunks}), 1, "the number of ids")
    equal(chunks[0].choices[0].delta.role, "assistant", "the role in the first chunk")
    equal(chunks[-1].choices, [], "the choices of the last chunk, which tells the usage")
    equal(chunks[-1].usage.completion_tokens, 8, "the tokens of the answer")
    equal([c.choices[0].finish_reason for c in chunks[:-1] if c.choices[0].finish_reason], ["length"], "the reasons of an end")
    equal(chunks[-2].choices[0].finish_reason, "length", "the last reason")
    text = "".join(c.choices[0].delta.content or "" for c in chunks[:-1])
    equal(text, chat().choices[0].message.content, "the streamed text")


@feature("chat.helper")
def _():
    # This helper takes an answer that ends at its limit for an error, so the one that ends by itself is asked.
    with client.chat.completions.stream(model="caller", messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        whole = stream.get_final_completion()
    holds("content.delta" in kinds and "content.done" in kinds, f"events are missing: {kinds}")
    equal(whole.choices[0].message.content, "Nothing to call.", "the collected text")


@feature("chat.async")
async def _():
    async with openai.AsyncOpenAI(base_url=BASE + "/v1", api_key="none", max_retries=0) as other:
        ask = {"model": "lfm2", "messages": HELLO, "max_tokens": 8, "temperature": 0}
        whole = await other.chat.completions.create(**ask)
        text = ""
        async for chunk in await other.chat.completions.create(**ask, stream=True):
            text += chunk.choices[0].delta.content or ""
        equal(text, whole.choices[0].message.content, "the streamed text")


@feature("chat.turns")
def _():
    turns = [{"role": "system", "content": "Be brief."}, *HELLO, {"role": "assistant", "content": "Hi."},
             {"role": "user", "content": [{"type": "text", "text": "How are you?"}]}]
    reply = chat(messages=turns)
    holds(reply.usage.prompt_tokens > chat().usage.prompt_tokens, "the earlier turns were not read")
    equal(reply.choices[0].message.role, "assistant", "the role")


@feature("chat.seed")
def _():
    first, second = (chat(temperature=1, seed=7, max_tokens=24).choices[0].message.content for _ in range(2))
    equal(first, second, "the text of the same seed")


@feature("chat.stop")
def _():
    text = chat(max_tokens=24).choices[0].message.content
    stop = text[8:10]
    reply = chat(max_tokens=24, stop=[stop, "\u2603"]).choices[0]
    equal(reply.message.content, text[:text.index(stop)], "the text before the stop")
    equal(reply.finish_reason, "stop", "the reason of the end")


@feature("chat.n")
def _():
    reply = chat(n=2, temperature=1)
    equal(sorted(c.index for c in reply.choices), [0, 1], "the choices")
    holds(all(c.message.content for c in reply.choices), "a choice is empty")


@feature("chat.logprobs")
def _():
    tokens = chat(logprobs=True, top_logprobs=2).choices[0].logprobs.content
    equal(len(tokens), 8, "the number of tokens")
    holds(all(t.logprob <= 0 and len(t.top_logprobs) == 2 for t in tokens), f"not log-probabilities: {tokens}")
    streamed = [t for c in chat(logprobs=True, top_logprobs=2, stream=True)
                for t in (c.choices[0].logprobs.content if c.choices[0].logprobs else [])]
    equal([t.token for t in streamed], [t.token for t in tokens], "the streamed tokens")


@feature("tools")
def _():
    reply = chat("caller", tools=TOOLS, tool_choice="required").choices[0]
    equal(reply.finish_reason, "tool_calls", "the reason of the end")
    check_calls(reply.message.tool_calls, ["Paris"])


@feature("tools.parallel")
def _():
    reply = chat("caller", [{"role": "user", "content": "The weather in both cities?"}], tools=TOOLS, parallel_tool_calls=True)
    check_calls(reply.choices[0].message.tool_calls, ["Paris", "Rome"])


@feature("tools.stream")
def _():
    # Not through the helper: for tools it needs another pydantic than the one that Debian has beside it.
    names, arguments, ends = {}, {}, []
    for chunk in chat("caller", [{"role": "user", "content": "both"}], tools=TOOLS, stream=True):
        ends += [c.finish_reason for c in chunk.choices if c.finish_reason]
        for call in (call for c in chunk.choices for call in c.delta.tool_calls or []):
            names[call.index] = names.get(call.index) or (call.id, call.function.name)
            arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    equal([name for _, name in names.values()], ["weather", "weather"], "the functions")
    equal(len({call_id for call_id, _ in names.values()}), 2, "the number of different ids")
    equal([json.loads(text) for text in arguments.values()], [{"city": "Paris"}, {"city": "Rome"}], "the arguments")
    equal(ends, ["tool_calls"], "the reasons of an end")


@feature("tools.result")
def _():
    call = chat("caller", tools=TOOLS).choices[0].message
    turns = [*HELLO, call, {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "sunny"}]
    equal(chat("caller", turns, tools=TOOLS).choices[0].message.content, "I was told: sunny", "the answer")
    holds(chat(messages=turns, tools=TOOLS).choices[0].message.content, "a local model says nothing about it")


@feature("json")
def _():
    reply = chat(response_format={"type": "json_object"}, max_tokens=200).choices[0]
    holds(reply.message.content.lstrip().startswith("{"), f"no object: {reply.message.content!r}")
    if reply.finish_reason == "stop":
        json.loads(reply.message.content)


@feature("json.schema")
def _():
    reply = chat(response_format={"type": "json_schema", "json_schema": {"name": "verdict", "schema": SCHEMA, "strict": True}},
                 max_tokens=300)
    Verdict.model_validate_json(reply.choices[0].message.content)


@feature("json.parse")
def _():
    reply = client.chat.completions.parse(model="lfm2", messages=HELLO, max_tokens=300, response_format=Verdict)
    holds(isinstance(reply.choices[0].message.parsed, Verdict), f"not parsed: {reply.choices[0].message}")


@feature("images")
def _():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + png_base64()}}
    seen = chat("omni", [{"role": "user", "content": [{"type": "text", "text": "Hello"}, picture]}])
    holds(seen.choices[0].message.content, "there is no text")
    holds(seen.usage.prompt_tokens > chat("omni").usage.prompt_tokens, "the picture takes no tokens")


@feature("completion")
def _():
    reply = complete()
    equal(reply.object, "text_completion", "the kind of object")
    holds(reply.choices[0].text, "there is no text")
    equal(reply.choices[0].finish_reason, "length", "the reason of the end")
    equal(reply.usage.completion_tokens, 8, "the tokens of the answer")


@feature("completion.stream")
def _():
    chunks = list(complete(stream=True))
    equal("".join(c.choices[0].text for c in chunks if c.choices), complete().choices[0].text, "the streamed text")
    equal(chunks[-1].choices[0].finish_reason, "length", "the reason of the end")


@feature("completion.echo")
def _():
    equal(complete(echo=True).choices[0].text, "Once" + complete().choices[0].text, "the text")


@feature("completion.suffix")
def _():
    holds(complete(model="omni", suffix="end").choices[0].text, "there is no text")
    holds("".join(c.choices[0].text for c in complete(model="omni", suffix="end", stream=True) if c.choices), "there is no streamed text")


@feature("embeddings")
def _():
    default = client.embeddings.create(model="embed", input="one")  # the client asks for base64 and decodes it
    floats = client.embeddings.create(model="embed", input="one", encoding_format="float")
    given, expected = default.data[0].embedding, floats.data[0].embedding
    equal(len(given), len(expected), "the dimensions")
    holds(all(abs(a - b) < 1e-6 for a, b in zip(given, expected)), "base64 and floats differ")
    holds(default.usage.prompt_tokens > 0, "no tokens are counted")


@feature("embeddings.list")
def _():
    data = client.embeddings.create(model="embed", input=["one", "two", "three"]).data
    equal([d.index for d in data], [0, 1, 2], "the order")
    holds(data[0].embedding != data[1].embedding, "different texts have the same vector")


@feature("embeddings.dimensions")
def _():
    vector = client.embeddings.create(model="embed", input="one", dimensions=16).data[0].embedding
    equal(len(vector), 16, "the dimensions")
    holds(abs(sum(x * x for x in vector) - 1) < 1e-3, "the shorter vector is not of length 1")


@feature("responses")
def _():
    reply = client.responses.create(model="lfm2", input="Hello", instructions="Be brief.", max_output_tokens=8, temperature=0)
    equal((reply.object, reply.model), ("response", "lfm2"), "kind and model")
    holds(reply.output_text, "there is no text")
    equal(reply.status, "incomplete", "the status")
    equal(reply.incomplete_details.reason, "max_output_tokens", "the reason")
    equal(reply.usage.output_tokens, 8, "the tokens of the answer")


@feature("responses.stream")
def _():
    with client.responses.stream(model="lfm2", input="Hello", max_output_tokens=8, temperature=0) as stream:
        events = list(stream)
    kinds = [e.type for e in events]
    equal(kinds[:2], ["response.created", "response.in_progress"], "the first events")
    equal(kinds[-1], "response.incomplete", "the last event")
    holds([e.sequence_number for e in events] == sorted({e.sequence_number for e in events}), "sequence numbers are out of order")
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    equal(text, events[-1].response.output_text, "the streamed text")


@feature("responses.previous")
def _():
    first = client.responses.create(model="lfm2", input="Hello", max_output_tokens=8)
    second = client.responses.create(model="lfm2", input="And?", max_output_tokens=8, previous_response_id=first.id)
    equal(second.previous_response_id, first.id, "the id of the one before")
    holds(second.usage.input_tokens > first.usage.input_tokens, "the earlier turn was not read")
    error = raises(openai.APIStatusError, lambda: client.responses.create(model="lfm2", input="x", previous_response_id="resp_none"))
    holds(error.status_code in (400, 404), f"an unknown id is answered with {error.status_code}")


@feature("responses.stored")
def _():
    made = client.responses.create(model="lfm2", input="Hello", max_output_tokens=8)
    equal(client.responses.retrieve(made.id).output_text, made.output_text, "the stored text")
    equal([i.role for i in client.responses.input_items.list(made.id)], ["user"], "the input's items")
    client.responses.delete(made.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(made.id))


@feature("responses.tools")
def _():
    tools = [{"type": "function", **WEATHER}]
    first = client.responses.create(model="caller", input="The weather?", tools=tools)
    calls = [item for item in first.output if item.type == "function_call"]
    equal([(c.name, json.loads(c.arguments)) for c in calls], [("weather", {"city": "Paris"})], "the calls")
    result = {"type": "function_call_output", "call_id": calls[0].call_id, "output": "sunny"}
    second = client.responses.create(model="caller", input=[result], tools=tools, previous_response_id=first.id)
    equal(second.output_text, "I was told: sunny", "the answer")


@feature("responses.schema")
def _():
    reply = client.responses.parse(model="lfm2", input="Hello", max_output_tokens=300, text_format=Verdict)
    holds(isinstance(reply.output_parsed, Verdict), f"not parsed: {reply.output_text!r}")


@feature("errors.model")
def _():
    error = raises(openai.NotFoundError, lambda: chat("nope"), 404)
    equal(error.code, "model_not_found", "the code")
    raises(openai.NotFoundError, lambda: client.models.retrieve("nope"))
    raises(openai.NotFoundError, lambda: client.embeddings.create(model="nope", input="x"))


@feature("errors.parameter")
def _():
    error = raises(openai.BadRequestError, lambda: chat(temperature=9), 400)
    equal(error.param, "temperature", "the parameter")
    raises(openai.BadRequestError, lambda: chat(messages=[]))
    raises(openai.BadRequestError, lambda: chat("embed"))


@feature("errors.stream")
def _():
    raises(openai.NotFoundError, lambda: chat("nope", stream=True))
    raises(openai.BadRequestError, lambda: chat(temperature=9, stream=True))


@feature("errors.key")
def _():
    locked = openai.OpenAI(base_url=LOCKED + "/v1", api_key="wrong", max_retries=0)
    raises(openai.AuthenticationError, lambda: list(locked.models.list()), 401)
    list(locked.with_options(api_key=KEY).models.list())


@feature("errors.limit")
def _():
    raises(openai.RateLimitError, lambda: chat("limited"), 429)


@feature("errors.lost")
def _():
    raises(openai.InternalServerError, lambda: chat("lost"), 503)


@feature("timeout")
def _():
    for model in ("slow", "long"):
        hasty = client.with_options(timeout=1)
        raises(openai.APITimeoutError, lambda: hasty.chat.completions.create(model=model, messages=HELLO, max_tokens=100000))
        becomes_idle()


@feature("abort")
def _():
    for model in ("slow", "long"):
        with chat(model, stream=True, max_tokens=100000) as stream:
            next(iter(stream))
            becomes_busy()
        becomes_idle()


run("python_openai", openai.__version__)
