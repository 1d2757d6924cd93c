#include "oracle.hpp"

#include <malloc.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "gguf_file.hpp"
#include "llama.h"
#include "memory/embedders.hpp"
#include "mtmd.h"

// libllama exports this for its own tools, but the header (src/llama-ext.h) is not packaged. Declared as in 0.7.0;
// should a later build add fields at the end, the first three keep their places. `check_breakdown` below refuses values
// that cannot be true, and tests/integration/measure compares them with the files' tensors.
struct llama_memory_breakdown_data {
    std::size_t model = 0;    // bytes of weights
    std::size_t context = 0;  // bytes of KV cache and recurrent state
    std::size_t compute = 0;  // bytes of the graph's scratch buffers
};
std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> llama_get_memory_breakdown(
    const llama_context* context);

namespace sarai::measure {
namespace {

using ModelHandle = std::unique_ptr<llama_model, decltype(&llama_model_free)>;
using ContextHandle = std::unique_ptr<llama_context, decltype(&llama_free)>;

// What the server's process has beside the vocabulary, metadata and graphs that this process has too: 17 MiB of mapped
// libraries, HTTP and template machinery, thread stacks. Measured as RSS of llama-server 0.7.0 less the other lines:
// 20–22 MiB, whatever the model.
constexpr Bytes server_own = MiB(22);

// Working buffers of the CPU backend (quantised activations, one row of each thread's results) grow with the layers'
// width. In proportion to the weights: 20 MiB were missing for SOLAR-10.7B (6.0 GiB), 1 MiB for LFM2-1.2B (0.7 GiB).
constexpr std::int64_t working_share = 300;

// The engine explains failures only in its log. It goes to stderr, and the first error is kept for the message.
std::string first_error;

void take_log(ggml_log_level level, const char* text, void* /*unused*/) {
    if (level == GGML_LOG_LEVEL_DEBUG) return;
    std::fputs(text, stderr);
    if (level == GGML_LOG_LEVEL_ERROR && first_error.empty()) {
        first_error = text;
        while (first_error.ends_with('\n')) first_error.pop_back();
    }
}

std::unexpected<Error> refusal(const std::filesystem::path& path) {
    if (first_error.contains("unknown model architecture")) {
        return fail(Code::unsupported, fmt::format("the engine does not know this architecture: {}", first_error),
                    "A newer engine may.");
    }
    return fail(Code::corrupt_file, fmt::format("the engine refuses {}: {}", path.string(),
                                                first_error.empty() ? "it did not say why" : first_error));
}

Bytes bytes(std::uint64_t count) { return {static_cast<std::int64_t>(count)}; }

struct Totals {
    Bytes weights, context, compute;  // in this process
    Bytes all_context;                // nodes included
    Bytes repacked;  // of `weights`, in buffers of the CPU's own layout: anonymous whatever the load mode
};

// Buffers into which weights are copied in another order: "CPU_REPACK", and "AMX" on processors that have that.
bool is_own_layout(std::string_view buffer_type) {
    return buffer_type.contains("REPACK") || buffer_type.contains("AMX");
}

// The node that a buffer type belongs to: they are named RPC0[host:port].
Node* node_of(std::vector<Node>& nodes, std::string_view buffer_type) {
    const auto found =
        std::ranges::find_if(nodes, [&](const Node& node) { return buffer_type.contains("[" + node.address + "]"); });
    return found == nodes.end() ? nullptr : &*found;
}

Totals totals_of(const llama_context* context, std::vector<Node>& nodes) {
    Totals totals;
    for (auto& node : nodes) node.weights = node.context = node.compute = {};
    for (const auto& [type, data] : llama_get_memory_breakdown(context)) {
        totals.all_context += bytes(data.context);
        if (auto* node = node_of(nodes, ggml_backend_buft_name(type))) {
            node->weights += bytes(data.model);
            node->context += bytes(data.context);
            node->compute += bytes(data.compute);
            continue;
        }
        totals.weights += bytes(data.model);
        if (is_own_layout(ggml_backend_buft_name(type))) totals.repacked += bytes(data.model);
        totals.context += bytes(data.context);
        totals.compute += bytes(data.compute);
    }
    return totals;
}

// Repacked weights are at most padded, so a breakdown that is far from the tensors' sum means that the declaration
// above is no longer the library's.
Result<Totals> check_breakdown(const Totals& totals, const std::vector<Node>& nodes, const llama_model* model) {
    const auto tensors = bytes(llama_model_size(model));
    auto weights = totals.weights;
    for (const auto& node : nodes) weights += node.weights;
    if (weights.count < tensors.count / 2 || weights.count > 4 * tensors.count || totals.compute.count < 0 ||
        totals.context.count < 0) {
        return fail(Code::internal, "this build of the engine reports its memory in another form");
    }
    return totals;
}

ggml_type kv_type_named(std::string_view name) {
    for (const auto type : {GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0})
        if (name == ggml_type_name(type)) return type;
    return GGML_TYPE_F16;
}

llama_context_params context_parameters(const Question& question) {
    auto parameters = llama_context_default_params();
    parameters.n_ctx = question.context;
    parameters.n_seq_max = question.parallel;
    parameters.n_ubatch = std::min(question.micro_batch, question.batch);
    parameters.n_batch = question.embedding ? parameters.n_ubatch : question.batch;  // the server does the same
    parameters.embeddings = question.embedding;
    if (question.rerank) parameters.pooling_type = LLAMA_POOLING_TYPE_RANK;
    const auto kv_type = kv_type_named(question.kv_type);
    parameters.type_k = parameters.type_v = kv_type;
    // As the worker is told: the engine refuses a quantised V cache without flash attention.
    parameters.flash_attn_type =
        ggml_is_quantized(kv_type) ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
    // A chat server reads the logits of one token per slot. Without a limit the library reserves vocabulary × batch of
    // them, address space that is never touched.
    if (!question.embedding) parameters.n_outputs_max = question.parallel;
    return parameters;
}

// What of the context's memory does not grow with its length: recurrent state and sliding windows. They come as one
// number with the cache, which does: fixed = 2·f(n) − f(2n).
Result<Bytes> fixed_state(llama_model* model, llama_context_params parameters, const llama_context* context,
                          Bytes together, std::vector<Node> nodes) {
    if (llama_model_is_recurrent(model)) return together;
    if (!llama_model_is_hybrid(model) && llama_model_n_swa(model) == 0) return Bytes{};
    parameters.n_ctx = 2 * llama_n_ctx(context);
    const ContextHandle doubled(llama_init_from_model(model, parameters), &llama_free);
    if (!doubled) return fail(Code::internal, "the engine plans this context but not its double");
    const auto twice = totals_of(doubled.get(), nodes).all_context;
    return std::max(Bytes{}, together + together - twice);
}

// Scratch memory that the worker reserves and never writes to, so that it is address space only. Each graph has two
// inputs, token ids and ready embeddings as floats; the latter are only for pictures and sound.
Bytes untouched(const Question& question, const llama_model* model) {
    if (question.mmproj) return {};
    return bytes(sizeof(float) * std::min(question.micro_batch, question.batch) *
                 static_cast<std::uint64_t>(llama_model_n_embd_inp(model)));
}

// Anonymous memory of this process: vocabulary, metadata and graphs, which the worker's process will have as well.
Bytes own_heap() {
    ::malloc_trim(0);  // what loading has freed is not part of it
    std::ifstream rollup("/proc/self/smaps_rollup");
    for (std::string line; std::getline(rollup, line);) {
        long long kib = 0;
        if (std::sscanf(line.c_str(), "Anonymous: %lld kB", &kib) == 1) return KiB(kib);
    }
    return {};
}

// Quantised types pack 32 values of a head into a block; the engine refuses heads that are no multiple of it.
bool kv_quantisable(const llama_model* model, const std::string& architecture) {
    std::array<char, 32> text{};
    const auto key = architecture + ".attention.key_length";
    int length = 0;
    if (llama_model_meta_val_str(model, key.c_str(), text.data(), text.size()) > 0) length = std::atoi(text.data());
    if (const auto heads = llama_model_n_head(model); length == 0 && heads > 0)
        length = llama_model_n_embd(model) / heads;
    return length > 0 && length % 32 == 0;
}

Result<Bytes> projector_bytes(const Question& question, const GgufFacts& projector, const llama_model* model) {
    const auto width = llama_model_n_embd(model);
    if (!projector.projects_to(width)) {
        return fail(
            Code::invalid_argument,
            fmt::format("the projector {} does not belong to {}: it yields {} values per token, the model takes {}",
                        projector.path.string(), question.model.string(),
                        projector.projection_width ? std::to_string(*projector.projection_width) : "other", width));
    }
    auto parameters = mtmd_context_params_default();
    parameters.use_gpu = false;
    parameters.image_max_tokens = static_cast<int>(question.image_tokens);
    const auto usage = mtmd_get_memory_usage(projector.path.c_str(), parameters);
    Bytes sum;
    for (const auto& [device, count] : usage.backend_mem_usage) sum += bytes(count);
    if (sum == Bytes{}) return refusal(projector.path);
    // Not in that sum: for encoders with windowed attention the mask as floats, once on the heap and once as the
    // graph's input (4 patches to a token, each with each: T² · 16 · 4 bytes); and 64 MiB for the request's body, the
    // decoded picture and what the server keeps from its own estimate. Measured with pictures of 64 … 1024 tokens.
    sum += MiB(64);
    if (projector.windowed) sum += bytes(2 * sizeof(float) * 16 * question.image_tokens * question.image_tokens);
    return sum;
}

std::string build_of_engine() { return fmt::format("{}+ggml-{}", llama_version(), ggml_version()); }

// The engine ends the process where nobody answers, so that is found out before.
bool answers(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) return false;
    auto host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const addrinfo hints{.ai_flags = 0,
                         .ai_family = AF_UNSPEC,
                         .ai_socktype = SOCK_STREAM,
                         .ai_protocol = 0,
                         .ai_addrlen = 0,
                         .ai_addr = nullptr,
                         .ai_canonname = nullptr,
                         .ai_next = nullptr};
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) return false;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> keep(found, &::freeaddrinfo);
    for (const auto* one = found; one != nullptr; one = one->ai_next) {
        const int descriptor = ::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
        if (descriptor < 0) continue;
        const timeval patience{.tv_sec = 2, .tv_usec = 0};  // of connect as well
        ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        const bool connected = ::connect(descriptor, one->ai_addr, one->ai_addrlen) == 0;
        ::close(descriptor);
        if (connected) return true;
    }
    return false;
}

// Makes the nodes devices of the engine.
Result<std::vector<Node>> add_nodes(const std::vector<std::string>& addresses) {
    std::vector<Node> nodes;
    if (addresses.empty()) return nodes;
    auto* registry = ggml_backend_reg_by_name("RPC");
    if (registry == nullptr)
        return fail(Code::unsupported, "the engine cannot use ggml-rpc-servers: it has no RPC backend",
                    "Debian has it in the package libggml0-backend-rpc.");
    using AddServer = ggml_backend_reg_t (*)(const char* endpoint);
    const auto add_server =
        reinterpret_cast<AddServer>(ggml_backend_reg_get_proc_address(registry, "ggml_backend_rpc_add_server"));
    for (const auto& address : addresses) {
        auto* server = add_server == nullptr || !answers(address) ? nullptr : add_server(address.c_str());
        if (server == nullptr || ggml_backend_reg_dev_count(server) == 0)
            return fail(Code::unavailable,
                        fmt::format("no ggml-rpc-server of this engine's version answers at {}", address),
                        "Start one there: ggml-rpc-server --host ADDRESS --port PORT");
        ggml_backend_register(server);
        std::size_t free = 0;
        std::size_t total = 0;
        ggml_backend_dev_memory(ggml_backend_reg_dev_get(server, 0), &free, &total);
        nodes.push_back({.address = address, .memory = bytes(free)});
    }
    return nodes;
}

// Until the process ends, which then spares giving back a vocabulary string by string (main.cpp). Contexts go first.
std::vector<ModelHandle> kept_models;
std::vector<ContextHandle> kept_contexts;

}  // namespace

Result<Answer> ask(Question question) {
    const auto file = read_gguf(question.model);
    if (!file) return std::unexpected(file.error());
    if (file->is_projector()) {
        return fail(Code::invalid_argument,
                    fmt::format("{} is a multimodal projector, not a model", question.model.string()),
                    "Give it as the model's mmproj.");
    }
    if (question.rerank && !file->has_classifier) {
        // The engine would give out the first value of a vector as a score.
        return fail(Code::invalid_argument,
                    fmt::format("{} has no classifier (cls.weight or cls.output.weight), so it cannot rank documents",
                                question.model.string()),
                    "A reranker has to be converted as one.");
    }
    if (!question.embedding && !question.rerank && memory::makes_vectors_only(file->architecture)) {
        return fail(
            Code::invalid_argument,
            fmt::format("{} makes vectors and no text (architecture {})", question.model.string(), file->architecture),
            "Give its model `kind: embedding`.");
    }
    if (question.embedding && !file->pools && !memory::makes_vectors_only(file->architecture)) {
        // The engine would load it, and refuse each request.
        return fail(Code::invalid_argument,
                    fmt::format("{} makes text and no vectors: it has no {}.pooling_type", question.model.string(),
                                file->architecture),
                    "Leave out its model's `kind: embedding`, or give it a file that was converted as an embedder.");
    }
    std::optional<GgufFacts> projector;
    if (question.mmproj) {
        auto opened = read_gguf(*question.mmproj);
        if (!opened) return std::unexpected(opened.error());
        if (!opened->is_projector()) {
            return fail(Code::invalid_argument,
                        fmt::format("{} is a model (architecture {}), not a multimodal projector",
                                    question.mmproj->string(), opened->architecture));
        }
        projector.emplace(std::move(*opened));
    }

    llama_log_set(&take_log, nullptr);
    mtmd_log_set(&take_log, nullptr);
    ggml_backend_load_all();
    llama_backend_init();

    auto nodes = add_nodes(question.nodes);
    if (!nodes) return std::unexpected(nodes.error());

    auto model_parameters = llama_model_default_params();
    // As long as the devices: the engine reads so many. Those that are no nodes get nothing.
    question.split.resize(std::max(question.split.size(), llama_max_devices()));
    if (!nodes->empty()) {
        model_parameters.n_gpu_layers = std::numeric_limits<std::int16_t>::max();
        model_parameters.tensor_split = question.split.data();
    }
    model_parameters.no_alloc = true;
    model_parameters.load_mode = LLAMA_LOAD_MODE_NONE;  // `no_alloc` aborts together with mmap
    model_parameters.use_extra_bufts = question.load_mode != "mmap";
    const auto& model = kept_models.emplace_back(llama_model_load_from_file(question.model.c_str(), model_parameters),
                                                 &llama_model_free);
    if (!model) return refusal(question.model);

    // As the worker is started, see memory::within_trained_context.
    if (const auto trained = llama_model_n_ctx_train(model.get()); question.embedding && trained > 0)
        question.micro_batch = std::min(question.micro_batch, static_cast<std::uint32_t>(trained));
    const auto parameters = context_parameters(question);
    const auto& context = kept_contexts.emplace_back(llama_init_from_model(model.get(), parameters), &llama_free);
    if (!context) return refusal(question.model);
    const auto totals = check_breakdown(totals_of(context.get(), *nodes), *nodes, model.get());
    if (!totals) return std::unexpected(totals.error());
    const auto heap = own_heap();
    const auto fixed = fixed_state(model.get(), parameters, context.get(), totals->all_context, *nodes);
    if (!fixed) return std::unexpected(fixed.error());
    const bool recurrent = llama_model_is_recurrent(model.get()) || llama_model_is_hybrid(model.get());

    const auto vocabulary = static_cast<std::uint64_t>(llama_vocab_n_tokens(llama_model_get_vocab(model.get())));
    const auto width = static_cast<std::uint64_t>(llama_model_n_embd(model.get()));
    const std::uint64_t output = question.embedding
                                     ? width * question.parallel * sizeof(float)
                                     : vocabulary * question.parallel * (sizeof(float) + sizeof(llama_token_data));

    Answer answer{.architecture = file->architecture,
                  .trained_context = llama_model_n_ctx_train(model.get()),
                  .engine = build_of_engine(),
                  .kv_quantisable = kv_quantisable(model.get(), file->architecture),
                  .lines = {},
                  .nodes = std::move(*nodes)};
    const auto add = [&](const char* what, Bytes amount) {
        if (amount != Bytes{}) answer.lines.push_back({what, amount});
    };
    const bool mapped = question.load_mode != "copy";
    add("weights", mapped ? totals->repacked : totals->weights);
    if (mapped) add("weights_mapped", bytes(std::filesystem::file_size(question.model)));
    // Where nodes hold the layers they hold both.
    const auto state_here = recurrent ? std::min(*fixed, totals->context) : Bytes{};
    answer.lines.push_back({"kv_cache", totals->context - state_here});
    if (recurrent) add("recurrent_state", state_here);
    // Kept by chat workers only: an embedder's prompt is never continued.
    if (!question.embedding) add("checkpoints", Bytes{fixed->count * question.checkpoints});
    answer.lines.push_back({"compute", std::max(Bytes{}, totals->compute - untouched(question, model.get()))});
    answer.lines.push_back({"output", bytes(output)});
    if (projector) {
        const auto measured = projector_bytes(question, *projector, model.get());
        if (!measured) return std::unexpected(measured.error());
        const auto weights = std::min(projector->tensor_bytes, *measured);
        add("mmproj", weights);
        add("mmproj_compute", *measured - weights);
    }
    if (question.prompt_cache != Bytes{}) answer.lines.push_back({"prompt_cache", question.prompt_cache});
    // What a worker sends to nodes goes through its own memory: 2.4 MB were missing for LFM2-1.2B on two nodes.
    const auto client = answer.nodes.empty() ? Bytes{} : MiB(8);
    answer.lines.push_back({"overhead", heap + server_own + client + Bytes{totals->weights.count / working_share}});
    return answer;
}

std::string load_engine() {
    llama_log_set(&take_log, nullptr);
    ggml_backend_load_all();
    return build_of_engine();
}

}  // namespace sarai::measure
