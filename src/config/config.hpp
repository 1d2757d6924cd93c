// The configuration as plain values: parsed, normalised, validated, then immutable.
//
// Relative paths were resolved against the file's folder, "${NAME}" was replaced from the environment and `.env`,
// and environment overrides were applied. `load()` in config/load.hpp produces it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace sarai::config {

using namespace std::chrono_literals;

struct Server {
    std::string address = "127.0.0.1";  // numeric or "localhost"
    std::uint16_t port = 11435;         // 0: the system chooses
    bool loopback = true;               // the address is reached from this machine alone
    Bytes max_request_body = MiB(64);
    std::chrono::milliseconds header_timeout = 10s;  // for a request's head and body to arrive
    std::chrono::milliseconds drain_timeout = 10s;   // SIGTERM: time that running requests get to end
    std::chrono::milliseconds heartbeat = 10s;       // to clients of streams that wait; 0: none
    std::string access_log = "text";                 // or "json", "off": a line for each request
    bool insecure = false;                           // others may reach it without a key
    // PEM files of the certificate (with its chain) and its private key; empty: plain HTTP.
    std::filesystem::path tls_certificate;
    std::filesystem::path tls_key;
    bool operator==(const Server&) const = default;
};

// Somebody who may call, and what for. Of the key itself only its hash is known.
struct ApiKey {
    std::string name;                      // for logs and metrics
    std::string sha256;                    // hexadecimal, of the key
    bool admin = false;                    // may load, unload, create and delete models and reload the configuration
    int requests_per_minute = 0;           // 0: no limit, here and below
    std::int64_t tokens_per_minute = 0;    // of prompts and answers
    int concurrency = 0;                   // requests at once
    std::vector<std::string> models = {};  // that it may use; empty: all
    bool operator==(const ApiKey&) const = default;
};

// Who may call, and from where. No keys: whoever reaches the port.
struct Access {
    std::vector<ApiKey> keys;
    std::vector<std::string> cors_origins;   // web pages that may call: "https://chat.example", or "*"
    std::vector<std::string> allowed_hosts;  // further names under which clients reach us, or "*"
    bool operator==(const Access&) const = default;
};

struct Memory {
    std::optional<Bytes> max_ram;               // hard budget for sarai and its workers; absent: what the machine has
    Bytes reserve = GiB(1);                     // left to the rest of the machine: budget = min(max_ram, RAM − reserve)
    int max_concurrent_llms = 3;                // generative models available at once, local ones that are loaded
    std::string strategy = "hybrid_http_gguf";  // or "native_gguf": remote backends are not used
    std::string policy = "never_unload";        // or "lru", "priority": idle models may be displaced, see pool_core.hpp
    std::string enforcement = "auto";           // or "cgroup", "watchdog", "off": who keeps workers to their plans
    bool operator==(const Memory&) const = default;
};

enum class BackendKind : std::uint8_t { gguf_native, ollama_http, openai_http, whisper };
enum class ModelKind : std::uint8_t { chat, embedding, rerank, transcription };
[[nodiscard]] std::string_view name_of(ModelKind kind);
// chat for what is no kind.
[[nodiscard]] ModelKind kind_named(std::string_view name);

// Separate budgets: a server that is slow to load is not a server that has died.
struct TimeBudgets {
    std::chrono::milliseconds connect = 2s;        // TCP (and TLS) established
    std::chrono::milliseconds first_token = 120s;  // request sent → first byte of the answer; includes a remote load
    std::chrono::milliseconds silence = 30s;       // between two chunks of a stream
    std::chrono::milliseconds total = 600s;        // a whole answer that is not streamed
    bool operator==(const TimeBudgets&) const = default;
};

struct Endpoint {
    std::string url;       // http(s)://host[:port][/base]
    std::string api_key;   // sent as "Authorization: Bearer"; empty: none
    std::string name;      // for logs and headers: host:port unless given
    int capacity = 0;      // requests at once, of all models; 0: no limit
    int weight = 1;        // one of twice the weight gets twice the requests
    std::string mac = {};  // "aa:bb:cc:dd:ee:ff": it may sleep, and is woken by a packet; empty: not
    std::string wake_address = "255.255.255.255:9";  // where that packet goes, by UDP
    bool operator==(const Endpoint&) const = default;
};

// How a model file is run here.
struct LocalModel {
    std::filesystem::path path;                   // the GGUF file, or whisper.cpp's
    bool whisper = false;                         // it hears, and of what follows has threads and load_timeout alone
    std::string language = "auto";                // that whisper expects where a request names none
    std::optional<std::filesystem::path> mmproj;  // multimodal projector
    bool mmproj_on_demand = true;                 // loaded when the first request brings media
    std::chrono::milliseconds mmproj_ttl{};       // and left again after so long without; 0: it stays
    int context_length = 2048;                    // tokens; the engine pads it up to a multiple of 256
    int parallel = 1;                             // slots; the context is shared among them by the engine
    int threads = 0;                              // 0: a thread per physical core
    Bytes prompt_cache = {};                      // engine's --cache-ram; 0: off
    std::string kv_cache_type = "f16";            // f16, bf16, q8_0, q4_0; quantised ones need flash attention
    std::string load_mode = "copy";               // copy, compact, mmap or engine_default, see memory::LoadMode
    int batch = 256;                              // tokens that are computed at once (logical and physical batch)
    std::vector<std::filesystem::path> alternatives = {};  // other quantisations of `path`, for `sarai fit`
    // What may be given up where the model does not fit as configured; the order is that of the cost ladder.
    std::optional<std::string> kv_cache_type_fallback = {};  // "q8_0": rather than not at all
    int min_context_length = 0;                              // tokens; 0: never less than context_length
    std::chrono::milliseconds load_timeout = 300s;
    // The ggml-rpc-servers (host:port) that hold its layers, and the share of each; empty: all is here.
    std::vector<std::string> nodes = {};
    std::vector<int> split = {};
    std::vector<std::string> extra_args = {};  // appended to the worker's command line
    bool operator==(const LocalModel&) const = default;
};

struct RemoteModel {
    BackendKind kind = BackendKind::ollama_http;  // never a local one
    std::vector<Endpoint> endpoints;
    std::string model;                      // the name there
    std::optional<int> context_length;      // Ollama's num_ctx
    std::optional<std::string> keep_alive;  // Ollama's keep_alive: "5m", "-1"
    TimeBudgets budgets;
    std::string wan = "use";  // or "last", "never": endpoints that are far away, by their measured round trip
    bool continues = false;   // an assistant's last message, which is how it takes over an answer that another began
    bool operator==(const RemoteModel&) const = default;
};

// Requests that wait for a model: for its loading, for a slot, for a place at an endpoint.
struct Queue {
    int length = 512;                      // further ones are refused
    std::chrono::milliseconds max_wait{};  // 0: they wait as long as it takes
    bool operator==(const Queue&) const = default;
};

// What happens while every endpoint of a remote model is lost. Proven by `sarai plan`; nothing else happens at run
// time.
struct OnLoss {
    std::string fallback = "refuse";        // "local" (its own GGUF file), "refuse", or the name of another model
    std::vector<std::string> may_displace;  // models that its fallback may unload, whatever the policy; pinned ones too
    bool operator==(const OnLoss&) const = default;
};

[[nodiscard]] constexpr BackendKind backend_of(const LocalModel& local) {
    return local.whisper ? BackendKind::whisper : BackendKind::gguf_native;
}

// A model's chain: `remote`, if present, is asked first; `local`, if present, serves alone or as its fallback.
struct Model {
    std::string name;
    ModelKind kind = ModelKind::chat;
    std::optional<RemoteModel> remote;
    std::optional<LocalModel> local;
    OnLoss on_loss = {};  // of a remote model
    Queue queue = {};
    bool pinned = false;   // never displaced
    bool preload = false;  // loaded at start
    // Of a remote model with a file of its own, while its worker is loaded:
    bool warm_takeover = false;  // it reads the prompt of a server's answer ahead, so that it can go on with it at once
    bool hedge = false;          // it answers as well where a server's first token is later than usual
    int priority = 50;           // 0–100; policy "priority" displaces lower ones first, and `sarai fit` weighs with it
    std::chrono::milliseconds ttl{};          // an idle local worker is unloaded after this; 0: never
    std::optional<Bytes> estimated_ram = {};  // somebody's estimate, printed beside the plan
    bool brought = false;                     // by a client, not by the file: the library has more of it
    std::string served_by = {};               // the model whose worker and servers answer for it; empty: its own
    bool retired = false;                     // gone or changed by a reload; serves whoever still uses it
    bool operator==(const Model&) const = default;
};

struct Engine {
    std::string server_binary = "llama-server";  // name on PATH or absolute path
    std::filesystem::path runtime_dir;           // sockets; empty: a private folder in $XDG_RUNTIME_DIR, or in /tmp
    std::vector<std::string> rpc = {};           // host:port of ggml-rpc-servers, for models that are sharded
    std::vector<int> rpc_split = {};             // share of the layers for each of them; empty: equal ones
    std::filesystem::path state_dir = {};        // history.db; empty: see history::state_folder()
    bool operator==(const Engine&) const = default;
};

// Somebody's estimates of whole scenarios, printed by `sarai plan` and `sarai prove` beside their own figures.
struct Estimates {
    std::optional<Bytes> native;  // every model runs here
    std::optional<Bytes> hybrid;  // as configured
    std::optional<Bytes> system;  // what of both is not the models': the operating system
    bool operator==(const Estimates&) const = default;
};

struct Telemetry {
    std::string otlp_endpoint;  // of an OpenTelemetry collector, http(s)://host:port; empty: no spans are sent
    bool operator==(const Telemetry&) const = default;
};

// A server with GGUF files that clients may pull.
struct LibrarySource {
    std::string name;
    std::string url;
    bool operator==(const LibrarySource&) const = default;
};

// Models that clients bring (Ollama's create and pull), beside those that are configured.
struct Library {
    std::filesystem::path path;  // its folder; empty: $XDG_DATA_HOME/sarai or ~/.local/share/sarai
    std::string hugging_face = "https://huggingface.co";  // where hf.co/ORG/REPO is found
    std::vector<LibrarySource> sources;
    bool operator==(const Library&) const = default;
};

// Pictures, sound and films in requests.
struct Media {
    bool fetch = true;                     // those that a request names by their URL
    std::vector<std::string> allow;        // hosts and address ranges that are fetched from though they are not public
    Bytes max_bytes = MiB(20);             // of each file
    std::int64_t max_pixels = 50'000'000;  // of each picture, and of a film's
    std::chrono::milliseconds timeout = 10s;  // to fetch one; redirects included
    int max_redirects = 3;
    int max_video_frames = 32;  // that a model gets of one film
    bool operator==(const Media&) const = default;
};

// What speaks: /v1/audio/speech.
struct Speech {
    std::string backend = "espeak-ng";
    std::string default_voice = "en-us";       // where a request names none, and for languages that no voice has
    std::int64_t max_input = 4096;             // characters of a text
    int at_once = 2;                           // texts that are spoken; others wait
    std::chrono::milliseconds timeout = 2min;  // for a whole text, with the time that its client takes to take it
    bool operator==(const Speech&) const = default;
};

// The web as steps of pipelines search it.
struct Web {
    std::string url;                             // of a SearXNG server; empty: the web is not searched
    std::string api_key;                         // sent as a bearer token; empty: none
    std::chrono::milliseconds timeout = 8s;      // for a search, pages included; what has come by then is used
    int pages = 3;                               // of the results, that are read; 0: what the provider quotes of them
    Bytes max_page_bytes = MiB(2);               // larger ones are not read
    std::chrono::milliseconds ttl = 1h;          // how long results and pages are used again
    std::chrono::milliseconds ttl_fresh = 2min;  // the same, where a question is about now
    std::filesystem::path audit_log;             // every search and page goes there; empty: nowhere
    bool operator==(const Web&) const = default;
};

// Documents that steps of pipelines search and cite.
struct Knowledge {
    std::string store;            // a folder, or "postgresql://…"; empty: "knowledge" in the folder of the history
    std::string embedding_model;  // for new collections; empty: the first one of the file
    bool operator==(const Knowledge&) const = default;
};

// Sends what it fits to its model, before anything else is looked at. Every condition that is given has to hold.
struct RoutingRule {
    std::string language;                       // "es", "en", "other"; empty: any
    std::string attachment;                     // "image", "audio", "video", "any"; empty: for requests without any
    std::int64_t min_size = 0;                  // bytes of the user's last message
    std::optional<std::int64_t> max_size = {};  // likewise
    std::optional<bool> tools = {};             // the request has tools, or has none
    std::string model;
    bool operator==(const RoutingRule&) const = default;
};

// Which model answers where a client asks for "auto". Models that are not named are chosen, see router/targets.hpp.
struct Routing {
    bool enabled = true;
    std::string hard, soft, web_query;  // by the prompt's label
    std::string multimodal;             // for pictures, sound and films
    std::string fallback;               // key "default": for prompts that no label fits
    std::string image, audio;           // for pictures and films, and for sound, rather than `multimodal`
    std::string mixed;                  // for prompts that are hard and soft
    std::string web;                    // for what only the web knows, rather than `web_query`
    struct Thresholds {                 // from here on a label counts
        double hard = 0.5, soft = 0.5, web_query = 0.5;
        double mixed = 0.2;                   // of soft beside hard, or of hard beside soft: the prompt is both
        std::optional<double> familiar = {};  // absent: as the classifier's validation found it
        bool operator==(const Thresholds&) const = default;
    };
    Thresholds thresholds;
    double alpha = 1, beta = 1;               // weights of hard and soft where a prompt is both
    bool keep = true;                         // a conversation stays with its model
    double topic_change = 0.3;                // unless another label is ahead by more than this
    bool store_prompts = false;               // with feedback, as training data
    std::filesystem::path weights = {};       // instead of those in the program
    std::filesystem::path mini_weights = {};  // likewise
    std::vector<RoutingRule> rules = {};
    bool operator==(const Routing&) const = default;
};
// One step of a pipeline: a model that is asked, or something that is searched. Its texts are templates, see
// base/prompt_template.hpp.
struct PipelineStep {
    std::string name;                   // others read its result as steps.NAME
    std::string model;                  // who is asked, or
    std::string role;                   // "expert", "tiny", "multimodal", "web": whom `routing` names for that
    std::string system;                 // empty: none
    std::string prompt;                 // empty: what the user wrote
    std::string when;                   // a condition; empty: always
    std::string attachments = "none";   // of the user's message, that go with it: "image", "audio", "video", "any"
    bool history = false;               // the conversation before the user's last message goes with it
    std::vector<std::string> after;     // waits for them also where it reads none of their results
    std::optional<double> temperature;  // absent: the model's own
    int max_tokens = 0;                 // 0: no limit
    std::string knowledge;              // instead of a model: the collection that is searched, or
    bool web = false;                   // the web
    std::string query;                  // for what; empty: what the user wrote
    int limit = 5;                      // passages at most
    Bytes max_text = KiB(6);            // of all of them
    [[nodiscard]] bool asks_model() const { return knowledge.empty() && !web; }
    bool operator==(const PipelineStep&) const = default;
};

// Models that work together on one answer; clients ask for it by its name, as for a model.
struct Pipeline {
    std::string name;
    std::string description;
    std::map<std::string, std::string> parameters;  // that a request may set, with their defaults
    std::chrono::milliseconds deadline{};           // for the whole of it; 0: none
    std::vector<PipelineStep> steps;
    std::string output;     // the step that answers
    std::string preface;    // text before its answer, a template
    std::string closing;    // and after it
    bool built_in = false;  // not from the file
    bool operator==(const Pipeline&) const = default;
};

// The name under which clients ask for whatever model fits; no model may have it.
inline constexpr std::string_view auto_model = "auto";
// Is it that name, as clients may write it: in any case, and with Ollama's ":latest"?
[[nodiscard]] bool names_auto(std::string_view model);

struct Config {
    std::filesystem::path file;  // empty: built in code
    Server server;
    Access access;
    Memory memory;
    Engine engine;
    Estimates estimates;
    Telemetry telemetry;
    Library library;
    Media media;
    Speech speech;
    Web web;
    Knowledge knowledge;
    Routing routing;
    bool built_in_pipelines = true;
    std::vector<Pipeline> pipelines;
    // In the file's order, names unique among those that are not retired. References to them stay valid.
    std::deque<Model> models;

    [[nodiscard]] const Model* find(std::string_view name) const;
    // By the name that a client used, as find_model() in the gateway has it.
    [[nodiscard]] const Pipeline* find_pipeline(std::string_view name) const;
};

}  // namespace sarai::config
