"""Where we answer otherwise than Ollama, on purpose or for now, and what cannot be replayed; see replay_ollama.py."""

WHOLE_GENERATE = ["20-*", "53-*", "54-*", "84-*", "86-*", "88-*", "92-*", "96-*", "99-*", "102-*", "121-*", "122-*", "128-*", "158-*",
                  "161-*"]
WHOLE_CHAT = ["22-*", "63-*", "100-*", "101-*", "134-*"]

# (reason, recordings, differences): each of the recordings has each of the differences.
ACCEPTED = [
    ("On purpose: what the engine tells besides; clients pass over it.",
     ["25-*", "26-*", "27-*", "163-*"], ["with timings", "with usage.prompt_tokens_details"]),
    ("The engine's: null where no log-probabilities were asked for, as OpenAI has it.", ["27-*"], ["with choices[].logprobs"]),
    ("The engine's: the chunk that begins an answer has no text yet.",
     ["26-*"], ["choices[].delta.content is null/string, Ollama's string"]),
    ("On purpose: where the model is and what it takes.", ["28-*"], ["with data[].sarai"]),
    ("On purpose: where the model is and what it takes.", ["130-*"], ["with sarai"]),
    ("On purpose: which server stands for that version of Ollama.", ["09-*", "136-*"], ["with sarai"]),
    ("On purpose: errors below /v1 have a code, as OpenAI's have.",
     ["43-*", "64-*", "65-*", "131-*", "144-*"], ["error.code is string, Ollama's null"]),
    ("On purpose: they name the parameter, as OpenAI's do.", ["43-*", "65-*", "131-*", "144-*"], ["error.param is string, Ollama's null"]),
    ("On purpose: what is wrong with a request is the client's error.", ["52-*", "62-*"], ["status 400, Ollama's 500"]),
    ("On purpose: what the model cannot do is the client's error.", ["58-*"], ["status 400, Ollama's 501"]),
    ("On purpose: no model can have such a name, so none is found.", ["66-*"], ["status 404, Ollama's 400"]),
    ("On purpose: also for paths and methods an error is JSON.",
     ["55-*", "56-*"], ["the body is object, Ollama's text", "with error"]),
    ("On purpose: a refusal tells why.", ["137-*", "139-*"], ["a body"]),
    ("On purpose: an answer that ends at its limit is incomplete, as OpenAI has it.", ["132-*"],
     ["completed_at is null, Ollama's number", "incomplete_details is object, Ollama's null", "with incomplete_details.reason"]),
    ("On purpose: what was not asked for is left to the engine, and is null.", ["132-*"],
     ["temperature is null, Ollama's number", "top_logprobs is null, Ollama's number", "top_p is null, Ollama's number"]),
    ("On purpose: OpenAI's fields.", ["132-*"],
     ["reasoning is object, Ollama's null", "with reasoning.effort", "with reasoning.summary",
      "with usage.input_tokens_details.cache_write_tokens", "with user"]),
    ("For now: these are not told.", ["132-*"], ["without frequency_penalty", "without presence_penalty", "without service_tier"]),
    ("On purpose: Anthropic's fields.", ["133-*"],
     ["with stop_sequence", "with usage.cache_creation_input_tokens", "with usage.cache_read_input_tokens"]),
    ("On purpose: a file that a client brought is the client's error.", ["150-create-trunc"], ["status 400, Ollama's 500"]),
]

# (reason, recordings)
NOT_REPLAYED = [
    ("Overload by several clients at once, and how Ollama's queue answers it.", ["110-*", "111-*", "112-*", "114-*", "115-*"]),
    ("Ollama's runner or Ollama itself was killed in the middle.", ["120-*", "123-*", "124-*", "125-*", "126-*"]),
    ("The client left in the middle: there is no whole reply to compare with.", ["127-*"]),
    ("Ollama's files were damaged or removed on the disk.", ["154-*", "155-*", "156-*", "157-*"]),
    ("The prompt of the recording was left out.", ["97-*"]),
]
