#include "config/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/draft.hpp"

namespace sarai::config {
namespace {

using Ms = std::chrono::milliseconds;
using Text = std::string;
using Int = std::int64_t;

constexpr double kib = 1024;
constexpr double mib = kib * 1024;
constexpr double gib = mib * 1024;
constexpr double pib = gib * 1024 * 1024;
constexpr double day = 24.0 * 3600;

// clang-format off
constexpr auto table = std::to_array<Key>({
    {"server", Type::section, "", "Where and how sarai answers."},
    {"server.listen", Type::listen, "127.0.0.1:11435", "Address and port; port 0 lets the system choose. IPv6 in brackets: \"[::1]:11435\".",
     [](Draft& d, const Value& v) { d.config.server.address = v.as<Listen>().address; d.config.server.port = v.as<Listen>().port; d.config.server.loopback = v.as<Listen>().loopback; }},
    {"server.max_request_body", Type::size, "64MiB", "Longer request bodies are refused.",
     [](Draft& d, const Value& v) { d.config.server.max_request_body = v.as<Bytes>(); }, kib, 16 * gib},
    {"server.header_timeout", Type::duration, "10s", "Time for a request's head and body to arrive.",
     [](Draft& d, const Value& v) { d.config.server.header_timeout = v.as<Ms>(); }, 0.001, day},
    {"server.drain_timeout", Type::duration, "10s", "At shutdown: time that running requests get to end. 0: none.",
     [](Draft& d, const Value& v) { d.config.server.drain_timeout = v.as<Ms>(); }, 0, day},

    {"server.heartbeat", Type::duration, "10s", "A client of a stream that waits for its turn or for a load gets a sign of life so often. 0: none.",
     [](Draft& d, const Value& v) { d.config.server.heartbeat = v.as<Ms>(); }, 0, day},

    {"server.access_log", Type::choice, "text", "A line for each request on standard error: text for people, json an object per line, off.",
     [](Draft& d, const Value& v) { d.config.server.access_log = v.as<Text>(); }, 0, 0, "text|json|off"},
    {"server.insecure", Type::boolean, "false", "Listen for others (an address that is not of this machine alone) without asking them for a key.",
     [](Draft& d, const Value& v) { d.config.server.insecure = v.as<bool>(); }},
    {"server.tls_certificate", Type::file, "", "PEM file of the certificate and its chain: answer HTTPS instead of HTTP. Needs tls_key.",
     [](Draft& d, const Value& v) { d.config.server.tls_certificate = d.resolve(v.as<Text>()); }},
    {"server.tls_key", Type::file, "", "PEM file of the certificate's private key.",
     [](Draft& d, const Value& v) { d.config.server.tls_key = d.resolve(v.as<Text>()); }},

    {"access", Type::section, "", "Who may call, and from where. Without keys: whoever reaches the port."},
    {"access.api_key", Type::secret, "", "The one key of a server that needs no more, best from the environment: it may do everything.",
     [](Draft& d, const Value& v) { d.plain_key = v.as<Text>(); }, 0, 0, {}, Scope::any, "SARAI_API_KEY"},
    {"access.keys", Type::named, "", "Name of a key's owner → what it may do. sarai key NAME makes one."},
    {"access.keys.*", Type::section, "", "One key."},
    {"access.keys.*.sha256", Type::text, "", "Hexadecimal SHA-256 of the key.",
     [](Draft& d, const Value& v) { d.key().key.sha256 = v.as<Text>(); }},
    {"access.keys.*.variable", Type::text, "", "Instead of sha256: the environment variable, or the line of .env, that has the key.",
     [](Draft& d, const Value& v) { d.key().variable = v.as<Text>(); }},
    {"access.keys.*.admin", Type::boolean, "false", "May load, unload, create, pull and delete models and reload the configuration.",
     [](Draft& d, const Value& v) { d.key().key.admin = v.as<bool>(); }},
    {"access.keys.*.models", Type::text_list, "", "The models that it may use. Without it: all.",
     [](Draft& d, const Value& v) { d.key().key.models = v.as<std::vector<Text>>(); }},
    {"access.keys.*.requests_per_minute", Type::integer, "0", "0: no limit. As many may come at once; then they come back one by one.",
     [](Draft& d, const Value& v) { d.key().key.requests_per_minute = static_cast<int>(v.as<Int>()); }, 0, 1'000'000},
    {"access.keys.*.tokens_per_minute", Type::integer, "0", "Tokens of prompts and answers. 0: no limit.",
     [](Draft& d, const Value& v) { d.key().key.tokens_per_minute = v.as<Int>(); }, 0, 1e12},
    {"access.keys.*.concurrency", Type::integer, "0", "Requests at once. 0: no limit.",
     [](Draft& d, const Value& v) { d.key().key.concurrency = static_cast<int>(v.as<Int>()); }, 0, 100'000},
    {"access.cors_origins", Type::text_list, "", "Origins of web pages that may call from a browser, such as https://chat.example; \"*\": any.",
     [](Draft& d, const Value& v) { d.config.access.cors_origins = v.as<std::vector<Text>>(); }},
    {"access.allowed_hosts", Type::text_list, "", "Further names under which clients reach this server; \"*\": any. Addresses, localhost and this machine's name always are.",
     [](Draft& d, const Value& v) { d.config.access.allowed_hosts = v.as<std::vector<Text>>(); }},

    {"memory", Type::section, "", "The budget that all local models share."},
    {"memory.max_ram_gb", Type::size_gib, "", "Hard budget for sarai and its workers; a number without a unit is GiB. Without it: what the machine has.",
     [](Draft& d, const Value& v) { d.config.memory.max_ram = v.as<Bytes>(); }, 16 * mib, pib},
    {"memory.max_ram", Type::size, "", "The same with a unit: \"12GiB\".",
     [](Draft& d, const Value& v) { d.config.memory.max_ram = v.as<Bytes>(); }, 16 * mib, pib},
    {"memory.reserve", Type::size, "1GiB", "Left to the rest of the machine: the budget is the smaller of max_ram and RAM minus reserve.",
     [](Draft& d, const Value& v) { d.config.memory.reserve = v.as<Bytes>(); }, 0, pib},
    {"memory.max_concurrent_llms", Type::integer, "3", "Generative models that are loaded here at the same time.",
     [](Draft& d, const Value& v) { d.config.memory.max_concurrent_llms = static_cast<int>(v.as<Int>()); }, 1, 1024, {}, Scope::any, "MAX_CONCURRENT_LLMS"},
    {"memory.strategy", Type::choice, "hybrid_http_gguf", "hybrid_http_gguf asks remote servers first; native_gguf does not use them.",
     [](Draft& d, const Value& v) { d.config.memory.strategy = v.as<Text>(); }, 0, 0, "hybrid_http_gguf|native_gguf"},
    {"memory.policy", Type::choice, "never_unload", "What may be displaced to make room: never_unload nothing; lru the idle model that was used longest ago; priority the one of the lowest priority.",
     [](Draft& d, const Value& v) { d.config.memory.policy = v.as<Text>(); }, 0, 0, "never_unload|lru|priority"},
    {"memory.enforcement", Type::choice, "auto", "Who keeps workers to their plans: cgroup the kernel (needs a cgroup v2 of sarai's own, such as a systemd unit with Delegate=memory), watchdog sarai itself, auto the first where it can; off nobody.",
     [](Draft& d, const Value& v) { d.config.memory.enforcement = v.as<Text>(); }, 0, 0, "auto|cgroup|watchdog|off"},

    {"engine", Type::section, "", "The program that runs local models."},
    {"engine.server_binary", Type::program, "llama-server", "Name on PATH, or a path.",
     [](Draft& d, const Value& v) { d.config.engine.server_binary = v.as<Text>().contains('/') ? d.resolve(v.as<Text>()).string() : v.as<Text>(); }},
    {"engine.runtime_dir", Type::file, "", "Folder for the workers' sockets. Without it: a private one in $XDG_RUNTIME_DIR, or in /tmp.",
     [](Draft& d, const Value& v) { d.config.engine.runtime_dir = d.resolve(v.as<Text>()); }},
    {"engine.rpc", Type::text_list, "", "ggml-rpc-servers, as host:port, over which models with sharded: true spread their layers.",
     [](Draft& d, const Value& v) { d.config.engine.rpc = v.as<std::vector<Text>>(); }},
    {"engine.rpc_split", Type::text_list, "", "The share of the layers for each of them, as whole numbers: [3, 1]. Without it: equal ones.",
     [](Draft& d, const Value& v) { d.rpc_split = v.as<std::vector<Text>>(); }},
    {"engine.state_dir", Type::file, "", "Folder for history.db: plans, and what loads have shown. Without it: $XDG_STATE_HOME/sarai or ~/.local/state/sarai.",
     [](Draft& d, const Value& v) { d.config.engine.state_dir = d.resolve(v.as<Text>()); }, 0, 0, {}, Scope::any, "SARAI_STATE_DIR"},

    {"estimates", Type::section, "", "Somebody's estimates of whole scenarios; sarai plan and sarai prove print them beside their own figures."},
    {"estimates.native", Type::size, "", "All models here.",
     [](Draft& d, const Value& v) { d.config.estimates.native = v.as<Bytes>(); }, 0, pib},
    {"estimates.hybrid", Type::size, "", "As configured.",
     [](Draft& d, const Value& v) { d.config.estimates.hybrid = v.as<Bytes>(); }, 0, pib},
    {"estimates.system", Type::size, "", "What of both is the operating system's.",
     [](Draft& d, const Value& v) { d.config.estimates.system = v.as<Bytes>(); }, 0, pib},

    {"telemetry", Type::section, "", "What others are told of requests."},
    {"telemetry.otlp_endpoint", Type::url, "", "OpenTelemetry collector that gets a span for each request (OTLP over HTTP), such as http://127.0.0.1:4318. Without it: none.",
     [](Draft& d, const Value& v) { d.config.telemetry.otlp_endpoint = v.as<Url>().text; }},

    {"library", Type::section, "", "Models that clients create or pull (Ollama's API), beside the configured ones."},
    {"library.path", Type::file, "", "Its folder. Without it: $XDG_DATA_HOME/sarai or ~/.local/share/sarai.",
     [](Draft& d, const Value& v) { d.config.library.path = d.resolve(v.as<Text>()); }},
    {"library.hugging_face", Type::url, "https://huggingface.co", "Where hf.co/ORG/REPO:QUANT is pulled from.",
     [](Draft& d, const Value& v) { d.config.library.hugging_face = v.as<Url>().text; }},
    {"library.sources", Type::named, "", "Name → a server with GGUF files: NAME/MODEL is pulled from URL/MODEL.gguf."},
    {"library.sources.*", Type::section, "", "One source."},
    {"library.sources.*.url", Type::url, "", "http(s)://host[:port][/base]",
     [](Draft& d, const Value& v) { d.config.library.sources.back().url = v.as<Url>().text; }},

    {"media", Type::section, "", "Pictures, sound and films in requests."},
    {"media.fetch", Type::boolean, "true", "Those that a request names by their URL are fetched, from public addresses and from those in allow.",
     [](Draft& d, const Value& v) { d.config.media.fetch = v.as<bool>(); }},
    {"media.allow", Type::text_list, "", "Hosts (intranet.example) and addresses (192.168.1.0/24) that may be fetched from though they are not public.",
     [](Draft& d, const Value& v) { d.config.media.allow = v.as<std::vector<Text>>(); }},
    {"media.max_bytes", Type::size, "20MiB", "Larger files are refused.",
     [](Draft& d, const Value& v) { d.config.media.max_bytes = v.as<Bytes>(); }, kib, gib},
    {"media.max_pixels", Type::integer, "50000000", "Pictures of more are refused before anything decodes them.",
     [](Draft& d, const Value& v) { d.config.media.max_pixels = v.as<Int>(); }, 1000, 1e9},
    {"media.timeout", Type::duration, "10s", "To fetch one file, redirects included.",
     [](Draft& d, const Value& v) { d.config.media.timeout = v.as<Ms>(); }, 0.001, 3600},
    {"media.max_redirects", Type::integer, "3", "That are followed; each is checked like the first address.",
     [](Draft& d, const Value& v) { d.config.media.max_redirects = static_cast<int>(v.as<Int>()); }, 0, 20},
    {"media.max_video_frames", Type::integer, "32", "Pictures that a model gets of one film.",
     [](Draft& d, const Value& v) { d.config.media.max_video_frames = static_cast<int>(v.as<Int>()); }, 1, 1024},

    {"speech", Type::section, "", "What speaks: /v1/audio/speech."},
    {"speech.backend", Type::choice, "espeak-ng", "Who speaks. TTS models have no server that could be a worker.",
     [](Draft& d, const Value& v) { d.config.speech.backend = v.as<Text>(); }, 0, 0, "espeak-ng"},
    {"speech.default_voice", Type::choice, "en-us", "Speaks where a request names no voice, and languages that no voice has.",
     [](Draft& d, const Value& v) { d.config.speech.default_voice = v.as<Text>(); }, 0, 0, "es|es-419|en-us|en-gb"},
    {"speech.max_input", Type::integer, "4096", "Characters of a text; longer ones are refused.",
     [](Draft& d, const Value& v) { d.config.speech.max_input = v.as<Int>(); }, 1, 1e6},
    {"speech.at_once", Type::integer, "2", "Texts that are spoken at once; others wait.",
     [](Draft& d, const Value& v) { d.config.speech.at_once = static_cast<int>(v.as<Int>()); }, 1, 64},
    {"speech.timeout", Type::duration, "2m", "For a whole text, with the time that its client takes to take it.",
     [](Draft& d, const Value& v) { d.config.speech.timeout = v.as<Ms>(); }, 0.001, 3600},

    {"web", Type::section, "", "The web, for pipelines that search it."},
    {"web.url", Type::url, "", "A SearXNG server that answers in JSON, such as http://127.0.0.1:8888. Without it: the web is not searched, and pipelines say so.",
     [](Draft& d, const Value& v) { d.config.web.url = v.as<Url>().text; }},
    {"web.api_key", Type::secret, "", "Sent to it as \"Authorization: Bearer\".",
     [](Draft& d, const Value& v) { d.config.web.api_key = v.as<Text>(); }},
    {"web.timeout", Type::duration, "8s", "For a search and the pages that are read; what has come by then is used.",
     [](Draft& d, const Value& v) { d.config.web.timeout = v.as<Ms>(); }, 0.001, 600},
    {"web.pages", Type::integer, "3", "Of the results, that are fetched and read, under the rules of media. 0: what the search engine quotes of them is used.",
     [](Draft& d, const Value& v) { d.config.web.pages = static_cast<int>(v.as<Int>()); }, 0, 20},
    {"web.max_page_bytes", Type::size, "2MiB", "Larger pages are not read.",
     [](Draft& d, const Value& v) { d.config.web.max_page_bytes = v.as<Bytes>(); }, kib, gib},
    {"web.ttl", Type::duration, "1h", "How long results and pages are used again. 0: never.",
     [](Draft& d, const Value& v) { d.config.web.ttl = v.as<Ms>(); }, 0, 365 * day},
    {"web.ttl_fresh", Type::duration, "2m", "The same for questions about now: news, prices, the weather, \"today\".",
     [](Draft& d, const Value& v) { d.config.web.ttl_fresh = v.as<Ms>(); }, 0, 365 * day},
    {"web.audit_log", Type::file, "", "Every search and every page read is written there, a line of JSON each that has the hash of the line before (sarai web verify). Without it: nowhere.",
     [](Draft& d, const Value& v) { d.config.web.audit_log = d.resolve(v.as<Text>()); }},

    {"knowledge", Type::section, "", "Documents that pipelines search and cite (sarai kb)."},
    {"knowledge.store", Type::text, "", "A folder, or postgresql://… for PostgreSQL with pgvector. Without it: knowledge, beside what engine.state_dir has.",
     [](Draft& d, const Value& v) { d.config.knowledge.store = d.resolve_store(v.as<Text>()); }},
    {"knowledge.embedding_model", Type::text, "", "For new collections. Without it: the first model of kind embedding.",
     [](Draft& d, const Value& v) { d.config.knowledge.embedding_model = v.as<Text>(); }},

    {"routing", Type::section, "", "Which model answers where a client asks for the model \"auto\". What is left out is chosen from the models that there are."},
    {"routing.enabled", Type::boolean, "true", "There is a model \"auto\".",
     [](Draft& d, const Value& v) { d.config.routing.enabled = v.as<bool>(); }},
    {"routing.hard", Type::text, "", "The model for technical work, reasoning and knowledge. Without it: the first one on a server, else the largest here.",
     [](Draft& d, const Value& v) { d.config.routing.hard = v.as<Text>(); }},
    {"routing.soft", Type::text, "", "The model for feelings and small talk. Without it: the smallest here.",
     [](Draft& d, const Value& v) { d.config.routing.soft = v.as<Text>(); }},
    {"routing.web_query", Type::text, "", "The model for what only the web knows. Without it: that of hard.",
     [](Draft& d, const Value& v) { d.config.routing.web_query = v.as<Text>(); }},
    {"routing.multimodal", Type::text, "", "The model for pictures, sound and films. Without it: the first one with mmproj.",
     [](Draft& d, const Value& v) { d.config.routing.multimodal = v.as<Text>(); }},
    {"routing.image", Type::text, "", "The model or pipeline for pictures and films. Without it: the pipeline vision-expert, where there is one, else that of multimodal.",
     [](Draft& d, const Value& v) { d.config.routing.image = v.as<Text>(); }},
    {"routing.audio", Type::text, "", "The model or pipeline for sound. Without it: the pipeline voice-assistant, where there is one, else that of multimodal.",
     [](Draft& d, const Value& v) { d.config.routing.audio = v.as<Text>(); }},
    {"routing.mixed", Type::text, "", "The model or pipeline for prompts that are hard and soft. Without it: the pipeline tone-expert, where there is one, else the label that wins.",
     [](Draft& d, const Value& v) { d.config.routing.mixed = v.as<Text>(); }},
    {"routing.web", Type::text, "", "The model or pipeline for what only the web knows. Without it: the pipeline web-search where web.url is given, else that of web_query.",
     [](Draft& d, const Value& v) { d.config.routing.web = v.as<Text>(); }},
    {"routing.default", Type::text, "", "The model for prompts that no label fits. Without it: that of hard.",
     [](Draft& d, const Value& v) { d.config.routing.fallback = v.as<Text>(); }},
    {"routing.thresholds", Type::section, "", "From where on a label counts, and a prompt is like what the classifier was taught."},
    {"routing.thresholds.hard", Type::number, "0.5", "Of the score of hard.",
     [](Draft& d, const Value& v) { d.config.routing.thresholds.hard = v.as<double>(); }, 0, 1},
    {"routing.thresholds.soft", Type::number, "0.5", "Of the score of soft.",
     [](Draft& d, const Value& v) { d.config.routing.thresholds.soft = v.as<double>(); }, 0, 1},
    {"routing.thresholds.web_query", Type::number, "0.5", "Of the score of web_query.",
     [](Draft& d, const Value& v) { d.config.routing.thresholds.web_query = v.as<double>(); }, 0, 1},
    {"routing.thresholds.mixed", Type::number, "0.2", "Of soft where hard wins, and of hard where soft does: from here on the prompt is both, and goes to routing.mixed.",
     [](Draft& d, const Value& v) { d.config.routing.thresholds.mixed = v.as<double>(); }, 0, 1},
    {"routing.thresholds.familiar", Type::number, "", "Less familiar prompts go to default. Without it: what the classifier's validation found.",
     [](Draft& d, const Value& v) { d.config.routing.thresholds.familiar = v.as<double>(); }, 0, 1},
    {"routing.alpha", Type::number, "1", "Weight of hard where a prompt is hard and soft: hard wins where alpha * hard >= beta * soft.",
     [](Draft& d, const Value& v) { d.config.routing.alpha = v.as<double>(); }, 0, 1},
    {"routing.beta", Type::number, "1", "Weight of soft, likewise.",
     [](Draft& d, const Value& v) { d.config.routing.beta = v.as<double>(); }, 0, 1},
    {"routing.keep", Type::boolean, "true", "A conversation stays with its model until the topic changes.",
     [](Draft& d, const Value& v) { d.config.routing.keep = v.as<bool>(); }},
    {"routing.topic_change", Type::number, "0.3", "By so much another label has to be ahead of the conversation's.",
     [](Draft& d, const Value& v) { d.config.routing.topic_change = v.as<double>(); }, 0, 1},
    {"routing.store_prompts", Type::boolean, "false", "Feedback is kept with the prompt that it is about, so that it can be exported as training data.",
     [](Draft& d, const Value& v) { d.config.routing.store_prompts = v.as<bool>(); }},
    {"routing.weights", Type::file, "", "Weights of your own (sarai router train). Without it: those in the program.",
     [](Draft& d, const Value& v) { d.config.routing.weights = d.resolve(v.as<Text>()); }},
    {"routing.mini_weights", Type::file, "", "The same for the smaller classifier that reads while somebody types.",
     [](Draft& d, const Value& v) { d.config.routing.mini_weights = d.resolve(v.as<Text>()); }},
    {"routing.rules", Type::section_list, "", "Looked at before anything else; the first one that fits decides."},
    {"routing.rules[]", Type::section, "", "One rule: all that it names has to hold."},
    {"routing.rules[].language", Type::choice, "", "Of the prompt.",
     [](Draft& d, const Value& v) { d.rule().language = v.as<Text>(); }, 0, 0, "es|en|other"},
    {"routing.rules[].attachment", Type::choice, "", "What the conversation has beside text. Without it, the rule is for requests that have none.",
     [](Draft& d, const Value& v) { d.rule().attachment = v.as<Text>(); }, 0, 0, "image|audio|video|any"},
    {"routing.rules[].min_size", Type::size, "0", "Of the user's last message.",
     [](Draft& d, const Value& v) { d.rule().min_size = v.as<Bytes>().count; }, 0, pib},
    {"routing.rules[].max_size", Type::size, "", "Likewise.",
     [](Draft& d, const Value& v) { d.rule().max_size = v.as<Bytes>().count; }, 0, pib},
    {"routing.rules[].tools", Type::boolean, "", "The request has tools, or has none.",
     [](Draft& d, const Value& v) { d.rule().tools = v.as<bool>(); }},
    {"routing.rules[].model", Type::text, "", "Who answers.",
     [](Draft& d, const Value& v) { d.rule().model = v.as<Text>(); }},

    {"built_in_pipelines", Type::boolean, "true", "vision-expert, tone-expert, voice-assistant, web-search and ask-documents, where there are models for them.",
     [](Draft& d, const Value& v) { d.config.built_in_pipelines = v.as<bool>(); }},
    {"pipelines", Type::named, "", "Name → models that work together on one answer. Clients ask for it as for a model."},
    {"pipelines.*", Type::section, "", "One pipeline."},
    {"pipelines.*.description", Type::prose, "", "For people who choose one.",
     [](Draft& d, const Value& v) { d.pipeline().description = v.as<Text>(); }},
    {"pipelines.*.parameters", Type::named, "", "Name → default. Prompts read them as parameters.NAME, requests set them in \"pipeline\": {\"NAME\": …}."},
    {"pipelines.*.parameters.*", Type::prose, "", "A parameter's default.",
     [](Draft&, const Value&) {}},
    {"pipelines.*.deadline", Type::duration, "0s", "For the whole answer. 0: none.",
     [](Draft& d, const Value& v) { d.pipeline().deadline = v.as<Ms>(); }, 0, day},
    {"pipelines.*.output", Type::text, "", "The step that answers. Without it: the last one.",
     [](Draft& d, const Value& v) { d.pipeline().output = v.as<Text>(); }},
    {"pipelines.*.preface", Type::prose, "", "Text before the answer, a template. It may read notes and sources.",
     [](Draft& d, const Value& v) { d.pipeline().preface = v.as<Text>(); }},
    {"pipelines.*.closing", Type::prose, "", "Text after the answer, likewise.",
     [](Draft& d, const Value& v) { d.pipeline().closing = v.as<Text>(); }},
    {"pipelines.*.steps", Type::section_list, "", "What is done. Steps that need nothing of each other run at the same time."},
    {"pipelines.*.steps[]", Type::section, "", "One step."},
    {"pipelines.*.steps[].name", Type::text, "", "Others read its result as steps.NAME.",
     [](Draft& d, const Value& v) { d.step().name = v.as<Text>(); }},
    {"pipelines.*.steps[].model", Type::text, "", "The chat model that is asked.",
     [](Draft& d, const Value& v) { d.step().model = v.as<Text>(); }},
    {"pipelines.*.steps[].role", Type::choice, "", "Instead of model: the one that routing has for hard (expert), soft (tiny), multimodal or web_query (web).",
     [](Draft& d, const Value& v) { d.step().role = v.as<Text>(); }, 0, 0, "expert|tiny|multimodal|web"},
    {"pipelines.*.steps[].system", Type::prose, "", "System prompt, a template.",
     [](Draft& d, const Value& v) { d.step().system = v.as<Text>(); }},
    {"pipelines.*.steps[].prompt", Type::prose, "{{ input }}", "What the model is asked, a template.",
     [](Draft& d, const Value& v) { d.step().prompt = v.as<Text>(); }},
    {"pipelines.*.steps[].when", Type::text, "", "A condition, such as images > 0. A step that is left out gives nothing.",
     [](Draft& d, const Value& v) { d.step().when = v.as<Text>(); }},
    {"pipelines.*.steps[].attachments", Type::choice, "none", "What of the user's message goes with it beside text.",
     [](Draft& d, const Value& v) { d.step().attachments = v.as<Text>(); }, 0, 0, "none|image|audio|video|any"},
    {"pipelines.*.steps[].history", Type::boolean, "false", "The conversation before the user's last message goes with it. Of the step that answers: true.",
     [](Draft& d, const Value& v) { d.step().history = v.as<bool>(); }},
    {"pipelines.*.steps[].after", Type::text_list, "", "Steps to wait for, beside those whose results it reads.",
     [](Draft& d, const Value& v) { d.step().after = v.as<std::vector<Text>>(); }},
    {"pipelines.*.steps[].temperature", Type::number, "", "Without it: the model's own.",
     [](Draft& d, const Value& v) { d.step().temperature = v.as<double>(); }, 0, 2},
    {"pipelines.*.steps[].max_tokens", Type::integer, "0", "0: no limit.",
     [](Draft& d, const Value& v) { d.step().max_tokens = static_cast<int>(v.as<Int>()); }, 0, 1 << 24},

    {"pipelines.*.steps[].knowledge", Type::text, "", "Instead of model: the collection of documents that is searched, a template. The step gives passages, numbered for citations.",
     [](Draft& d, const Value& v) { d.step().knowledge = v.as<Text>(); }},
    {"pipelines.*.steps[].web", Type::boolean, "false", "Instead of model: the web is searched, likewise.",
     [](Draft& d, const Value& v) { d.step().web = v.as<bool>(); }},
    {"pipelines.*.steps[].query", Type::prose, "{{ input }}", "What is searched for, a template.",
     [](Draft& d, const Value& v) { d.step().query = v.as<Text>(); }},
    {"pipelines.*.steps[].limit", Type::integer, "5", "Passages at most.",
     [](Draft& d, const Value& v) { d.step().limit = static_cast<int>(v.as<Int>()); }, 1, 50},
    {"pipelines.*.steps[].max_text", Type::size, "6KiB", "Of all passages.",
     [](Draft& d, const Value& v) { d.step().max_text = v.as<Bytes>(); }, 256, 1 << 20},

    {"models", Type::named, "", "Model name → how it is reached. Names: letters, digits and . _ : / -"},
    {"models.*", Type::section, "", "One model."},
    {"models.*.backend", Type::choice, "", "gguf_native: a GGUF file here. whisper: a file of whisper.cpp here, which hears. ollama_http, openai_http: a server.",
     [](Draft& d, const Value& v) {
         const auto& name = v.as<Text>();
         d.model().backend = name == "gguf_native" ? BackendKind::gguf_native : name == "ollama_http" ? BackendKind::ollama_http : name == "whisper" ? BackendKind::whisper : BackendKind::openai_http;
     }, 0, 0, "gguf_native|whisper|ollama_http|openai_http"},
    {"models.*.kind", Type::choice, "chat", "What the model is for. rerank: a model that scores documents by a query.",
     [](Draft& d, const Value& v) { d.model().kind = kind_named(v.as<Text>()); }, 0, 0, "chat|embedding|rerank"},
    {"models.*.pinned", Type::boolean, "false", "Never displaced.",
     [](Draft& d, const Value& v) { d.model().pinned = v.as<bool>(); }},
    {"models.*.preload", Type::boolean, "false", "Loaded at start: the local worker.",
     [](Draft& d, const Value& v) { d.model().preload = v.as<bool>(); }},
    {"models.*.priority", Type::integer, "50", "0 to 100: what policy priority displaces first is the lowest; sarai fit gives more to the higher.",
     [](Draft& d, const Value& v) { d.model().priority = static_cast<int>(v.as<Int>()); }, 0, 100},
    {"models.*.estimated_ram", Type::size, "", "Somebody's estimate of what the model takes here; sarai plan prints it beside its own.",
     [](Draft& d, const Value& v) { d.model().estimated_ram = v.as<Bytes>(); }, 0, pib},
    {"models.*.context_length", Type::integer, "2048", "Tokens. Ollama gets it as num_ctx, where it is given.",
     [](Draft& d, const Value& v) { d.model().context_length = static_cast<int>(v.as<Int>()); }, 1, 1 << 24},

    {"models.*.endpoints", Type::section_list, "", "Servers that share the requests; the order decides between equals alone (docs/endpoints.md). ollama_http without it: OLLAMA_BASE_URL.", nullptr, 0, 0, {}, Scope::remote},
    {"models.*.endpoints[]", Type::section, "", "One server."},
    {"models.*.endpoints[].url", Type::url, "", "http(s)://host[:port][/base]",
     [](Draft& d, const Value& v) {
         d.endpoint().url = v.as<Url>().text;
         if (d.endpoint().name.empty()) d.endpoint().name = fmt::format("{}:{}", v.as<Url>().host, v.as<Url>().port);
     }},
    {"models.*.endpoints[].api_key", Type::secret, "", "Sent as \"Authorization: Bearer\".",
     [](Draft& d, const Value& v) { d.endpoint().api_key = v.as<Text>(); }},
    {"models.*.endpoints[].name", Type::text, "", "For logs and headers. Without it: host:port.",
     [](Draft& d, const Value& v) { d.endpoint().name = v.as<Text>(); }},
    {"models.*.endpoints[].capacity", Type::integer, "2", "Requests that the server gets at once, of all models together; the others wait. 0: no limit, which is the default of openai_http.",
     [](Draft& d, const Value& v) { d.endpoint().capacity = static_cast<int>(v.as<Int>()); }, 0, 100'000},
    {"models.*.endpoints[].weight", Type::integer, "1", "A server of twice the weight gets twice the requests.",
     [](Draft& d, const Value& v) { d.endpoint().weight = static_cast<int>(v.as<Int>()); }, 1, 1000},
    {"models.*.endpoints[].mac", Type::text, "", "The server may sleep: its MAC address, such as aa:bb:cc:dd:ee:ff, to wake it (Wake-on-LAN) when somebody asks.",
     [](Draft& d, const Value& v) { d.endpoint().mac = v.as<Text>(); }},
    {"models.*.endpoints[].wake_address", Type::text, "255.255.255.255:9", "Where the packet goes that wakes it: an IPv4 address and a UDP port, mostly the broadcast address of its network.",
     [](Draft& d, const Value& v) { d.endpoint().wake_address = v.as<Text>(); }},
    {"models.*.wan", Type::choice, "use", "Servers that are far away, by their measured round trip of 10 ms or more: use them like near ones; last where no near one is left; never.",
     [](Draft& d, const Value& v) { d.model().wan = v.as<Text>(); }, 0, 0, "use|last|never", Scope::remote},
    {"models.*.model", Type::text, "", "The model's name on the server. Without it: its name here.",
     [](Draft& d, const Value& v) { d.model().remote_name = v.as<Text>(); }, 0, 0, {}, Scope::remote},
    {"models.*.keep_alive", Type::text, "", "Ollama's keep_alive, where a request has none: \"5m\", \"-1\".",
     [](Draft& d, const Value& v) { d.model().keep_alive = v.as<Text>(); }, 0, 0, {}, Scope::remote},
    {"models.*.continues_answers", Type::boolean, "false", "The server goes on with an assistant's message where that is the last one, so that it can take over an answer from a server that was lost.",
     [](Draft& d, const Value& v) { d.model().continues = v.as<bool>(); }, 0, 0, {}, Scope::remote},
    {"models.*.fallback", Type::choice, "", "What serves while no endpoint can be reached; needs path.",
     [](Draft& d, const Value&) { d.model().fallback = true; }, 0, 0, "gguf_native"},

    {"models.*.warm_takeover", Type::boolean, "false", "While a server answers, the local fallback reads the prompt and the answer so far whenever no worker computes, so that it goes on within a moment if the server dies. Needs preload.",
     [](Draft& d, const Value& v) { d.model().warm_takeover = v.as<bool>(); }, 0, 0, {}, Scope::remote},
    {"models.*.hedge", Type::boolean, "false", "Where a server's first token is later than 95 % of its last ones, the local fallback is asked as well, and the first one to answer goes on. Needs preload.",
     [](Draft& d, const Value& v) { d.model().hedge = v.as<bool>(); }, 0, 0, {}, Scope::remote},

    {"models.*.queue", Type::section, "", "Requests that wait: for a slot of the local worker, for a place at a server, for a load. Clients (API keys, or addresses) take turns."},
    {"models.*.queue.length", Type::integer, "512", "Further ones are refused with 503 and a Retry-After.",
     [](Draft& d, const Value& v) { d.model().queue.length = static_cast<int>(v.as<Int>()); }, 1, 100'000},
    {"models.*.queue.max_wait", Type::duration, "0s", "One that has waited so long is refused. 0: it waits as long as it takes. A request may ask for less (x-sarai-max-wait).",
     [](Draft& d, const Value& v) { d.model().queue.max_wait = v.as<Ms>(); }, 0, day},

    {"models.*.path", Type::file, "", "The GGUF file; for backend is whisper, the file that whisper.cpp reads (ggml-base.bin).",
     [](Draft& d, const Value& v) { d.model().local.path = d.resolve(v.as<Text>()); }, 0, 0, {}, Scope::local},
    {"models.*.mmproj", Type::file, "", "GGUF file of the multimodal projector.",
     [](Draft& d, const Value& v) { d.model().local.mmproj = d.resolve(v.as<Text>()); }, 0, 0, {}, Scope::gguf},
    {"models.*.mmproj_load", Type::choice, "on_demand", "When the projector is loaded: on_demand with the first request that brings media, in a worker that then takes the place of the one for text; always from the start.",
     [](Draft& d, const Value& v) { d.model().local.mmproj_on_demand = v.as<Text>() == "on_demand"; }, 0, 0, "on_demand|always", Scope::gguf},
    {"models.*.mmproj_ttl", Type::duration, "0s", "After so long without media the worker is loaded again for text alone. 0: it keeps its projector.",
     [](Draft& d, const Value& v) { d.model().local.mmproj_ttl = v.as<Ms>(); }, 0, 365 * day, {}, Scope::gguf},
    {"models.*.parallel", Type::integer, "1", "Requests that the worker serves at once; they share the context.",
     [](Draft& d, const Value& v) { d.model().local.parallel = static_cast<int>(v.as<Int>()); }, 1, 256, {}, Scope::gguf},
    {"models.*.threads", Type::integer, "0", "0: a thread per physical core.",
     [](Draft& d, const Value& v) { d.model().local.threads = static_cast<int>(v.as<Int>()); }, 0, 1024, {}, Scope::local},
    {"models.*.prompt_cache", Type::size, "0", "RAM for prompts that the worker remembers. 0: off.",
     [](Draft& d, const Value& v) { d.model().local.prompt_cache = v.as<Bytes>(); }, 0, pib, {}, Scope::gguf},
    {"models.*.kv_cache_type", Type::choice, "f16", "Type of the KV cache. q8_0 halves it, q4_0 quarters it.",
     [](Draft& d, const Value& v) { d.model().local.kv_cache_type = v.as<Text>(); }, 0, 0, "f16|bf16|q8_0|q4_0", Scope::gguf},
    {"models.*.kv_cache_type_fallback", Type::choice, "", "Used instead of kv_cache_type where the model does not fit otherwise. Without it: never.",
     [](Draft& d, const Value& v) { d.model().local.kv_cache_type_fallback = v.as<Text>(); }, 0, 0, "q8_0|q4_0", Scope::gguf},
    {"models.*.min_context_length", Type::integer, "0", "Down to how many tokens the context may shrink where the model does not fit otherwise. 0: not at all.",
     [](Draft& d, const Value& v) { d.model().local.min_context_length = static_cast<int>(v.as<Int>()); }, 0, 1 << 24, {}, Scope::gguf},
    {"models.*.load_mode", Type::choice, "copy", "copy: read once, repacked for the CPU. compact: the same without Intel's AMX, less memory, slower prompts. mmap: mapped, not repacked; reclaimable, slower prompts. engine_default: mapped and repacked, both in memory.",
     [](Draft& d, const Value& v) { d.model().local.load_mode = v.as<Text>(); }, 0, 0, "copy|compact|mmap|engine_default", Scope::gguf},
    {"models.*.batch", Type::integer, "256", "Tokens of a prompt that are computed at once. Larger ones take more memory and answer a disconnect later. Models with kind embedding or rerank read an input at once: theirs is at least a slot's context.",
     [](Draft& d, const Value& v) { d.model().local.batch = static_cast<int>(v.as<Int>()); }, 32, 8192, {}, Scope::gguf},
    {"models.*.language", Type::text, "auto", "That is spoken where a request names none, such as es; auto: it is heard.",
     [](Draft& d, const Value& v) { d.model().local.language = v.as<Text>(); }, 0, 0, {}, Scope::whisper},
    {"models.*.alternatives", Type::text_list, "", "Other quantisations of the same model, for sarai fit to choose from.",
     [](Draft& d, const Value& v) { for (const auto& file : v.as<std::vector<Text>>()) d.model().local.alternatives.push_back(d.resolve(file)); }, 0, 0, {}, Scope::gguf},
    {"models.*.ttl", Type::duration, "0s", "An idle local worker is unloaded after this time. 0: never.",
     [](Draft& d, const Value& v) { d.model().ttl = v.as<Ms>(); }, 0, 365 * day, {}, Scope::local},
    {"models.*.on_loss", Type::section, "", "What happens while no endpoint of a remote model can be reached."},
    {"models.*.on_loss.fallback", Type::text, "", "local (the model's own file), refuse, or the name of another model that answers instead. Without it: local where fallback is gguf_native, else refuse.",
     [](Draft& d, const Value& v) { d.model().on_loss_fallback = v.as<Text>(); }, 0, 0, {}, Scope::remote},
    {"models.*.on_loss.may_displace", Type::text_list, "", "Models that the fallback may unload, whatever memory.policy says.",
     [](Draft& d, const Value& v) { d.model().may_displace = v.as<std::vector<Text>>(); }, 0, 0, {}, Scope::remote},
    {"models.*.sharded", Type::boolean, "false", "Spread over the servers in engine.rpc: they hold the layers, this machine the vocabulary and the worker.",
     [](Draft& d, const Value& v) { d.model().sharded = v.as<bool>(); }, 0, 0, {}, Scope::gguf},
    {"models.*.extra_args", Type::text_list, "", "Appended to the worker's command line.",
     [](Draft& d, const Value& v) { d.model().local.extra_args = v.as<std::vector<std::string>>(); }, 0, 0, {}, Scope::gguf},

    {"models.*.timeouts", Type::section, "", "Separate budgets: a server that is slow to load has not died."},
    {"models.*.timeouts.load", Type::duration, "300s", "Until the local worker is ready.",
     [](Draft& d, const Value& v) { d.model().local.load_timeout = v.as<Ms>(); }, 0.001, day, {}, Scope::local},
    {"models.*.timeouts.connect", Type::duration, "2s", "Until a server's connection stands.",
     [](Draft& d, const Value& v) { d.model().budgets.connect = v.as<Ms>(); }, 0.001, day, {}, Scope::remote},
    {"models.*.timeouts.first_token", Type::duration, "120s", "From the request to a server to the first byte of a streamed answer; includes its loading. What is not streamed comes whole, see total.",
     [](Draft& d, const Value& v) { d.model().budgets.first_token = v.as<Ms>(); }, 0.001, day, {}, Scope::remote},
    {"models.*.timeouts.silence", Type::duration, "30s", "Between two chunks of a server's stream.",
     [](Draft& d, const Value& v) { d.model().budgets.silence = v.as<Ms>(); }, 0.001, day, {}, Scope::remote},
    {"models.*.timeouts.total", Type::duration, "600s", "A server's whole answer that is not streamed.",
     [](Draft& d, const Value& v) { d.model().budgets.total = v.as<Ms>(); }, 0.001, day, {}, Scope::remote},
});
// clang-format on

std::string choices_in_words(std::string_view choices) {
    std::string words(choices);
    for (std::size_t at = 0; (at = words.find('|', at)) != std::string::npos;) words.replace(at, 1, " or ");
    return words;
}

std::string seconds_in_words(double seconds) {
    if (seconds == 0) return "0s";
    return seconds < 1 ? fmt::format("{:.0f}ms", seconds * 1e3) : fmt::format("{:.0f}h", seconds / 3600);
}

// The upper limit of sizes is only there to keep sums from overflowing, unless it is lower.
std::string sizes_in_words(const Key& key) {
    std::string words;
    if (key.min > 0) words += ", at least " + to_string(Bytes{static_cast<std::int64_t>(key.min)});
    if (key.max < pib) words += ", at most " + to_string(Bytes{static_cast<std::int64_t>(key.max)});
    return words;
}

}  // namespace

std::span<const Key> keys() { return table; }

const Key* find_key(std::string_view pattern) {
    const auto found = std::ranges::find(table, pattern, &Key::path);
    return found == table.end() ? nullptr : &*found;
}

std::vector<std::string_view> keys_inside(std::string_view pattern) {
    std::vector<std::string_view> names;
    for (const Key& key : table) {
        auto rest = key.path;
        if (!pattern.empty()) {
            if (!rest.starts_with(pattern) || rest.size() <= pattern.size() || rest[pattern.size()] != '.') continue;
            rest.remove_prefix(pattern.size() + 1);
        }
        if (!rest.contains('.') && !rest.ends_with("[]")) names.push_back(rest);
    }
    return names;
}

std::vector<std::string> environment_of(const Key& key) {
    const bool in_file_only = key.path.starts_with("models.") || key.path.starts_with("estimates.") ||
                              key.path.starts_with("access.keys.") || key.path.starts_with("library.sources.") ||
                              key.path.starts_with("routing.rules") || key.path.starts_with("pipelines.") ||
                              key.type == Type::text_list;
    if (key.apply == nullptr || in_file_only) return {};
    std::vector<std::string> names{"SARAI_" + environment_word(key.path)};
    if (!key.alias.empty()) names.emplace_back(key.alias);
    return names;
}

std::string expected_of(const Key& key) {
    switch (key.type) {
        case Type::section:
        case Type::named: return "keys and values, such as \"key: value\"";
        case Type::section_list:
            if (key.path == "routing.rules") return "a list of rules, such as [{language: es, model: lfm2}]";
            if (key.path == "pipelines.*.steps") return "a list of steps, such as [{name: answer, model: solar}]";
            return "a list of servers, such as [{url: \"http://lan-box:11434\"}]";
        case Type::boolean: return "true or false";
        case Type::integer: return fmt::format("a whole number from {:.0f} to {:.0f}", key.min, key.max);
        case Type::number: return fmt::format("a number from {:g} to {:g}", key.min, key.max);
        case Type::size: return "a size such as 512MB or 12GiB" + sizes_in_words(key);
        case Type::size_gib: return "a number of GiB or a size such as 12GiB" + sizes_in_words(key);
        case Type::duration:
            return fmt::format("a duration such as 500ms, 2s or 5m (a bare number is seconds), from {} to {}",
                               seconds_in_words(key.min), seconds_in_words(key.max));
        case Type::text:
        case Type::prose:
        case Type::secret: return "text";
        case Type::choice: return choices_in_words(key.choices);
        case Type::file:
        case Type::program: return "a path";
        case Type::listen: return "an address and port such as 127.0.0.1:11435 or [::1]:11435";
        case Type::url: return "an http:// or https:// URL such as http://lan-box:11434";
        case Type::text_list: return "a list of texts, such as [\"--flash-attn\", \"on\"]";
    }
    return {};
}

}  // namespace sarai::config
