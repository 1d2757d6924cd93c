#include "memory/plan.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "memory/child_report.hpp"

namespace sarai::memory {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 12> line_names = {
    "weights", "weights_mapped", "kv_cache",       "recurrent_state", "checkpoints", "compute",
    "output",  "mmproj",         "mmproj_compute", "prompt_cache",    "sound",       "overhead"};

constexpr std::array<std::pair<LoadMode, std::string_view>, 4> load_modes = {
    {{LoadMode::copy, "copy"},
     {LoadMode::compact, "compact"},
     {LoadMode::mmap, "mmap"},
     {LoadMode::engine_default, "engine_default"}}};

std::optional<PlanLine> line_of(const json::value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) return std::nullopt;
    const auto* count = object->if_contains("bytes");
    auto what = text_or_nothing(*object, "what");
    if (count == nullptr || !count->is_int64() || count->get_int64() < 0) return std::nullopt;
    if (!std::ranges::contains(line_names, what)) return std::nullopt;
    return PlanLine{std::move(what), Bytes{count->get_int64()}};
}

// nullopt: something is missing.
std::optional<NodePlan> node_of(const json::value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) return std::nullopt;
    NodePlan node{.address = text_or_nothing(*object, "address")};
    const auto read = [&](std::string_view key, Bytes& into) {
        const auto* count = object->if_contains(key);
        if (count == nullptr || !count->is_int64() || count->get_int64() < 0) return false;
        into = Bytes{count->get_int64()};
        return true;
    };
    const bool whole = !node.address.empty() && read("weights", node.weights) && read("context", node.context) &&
                       read("compute", node.compute) && read("memory", node.memory);
    return whole ? std::optional(std::move(node)) : std::nullopt;
}

Result<ModelPlan> plan_of(const json::object& printed) {
    const auto* lines = printed.if_contains("lines");
    const auto* context = printed.if_contains("trained_context");
    if (lines == nullptr || !lines->is_array() || lines->get_array().empty()) return report_not_understood();
    if (context == nullptr || !context->is_int64()) return report_not_understood();
    ModelPlan plan{.architecture = text_or_nothing(printed, "architecture"),
                   .trained_context = static_cast<int>(context->get_int64()),
                   .engine = text_or_nothing(printed, "engine")};
    if (const auto* flag = printed.if_contains("kv_quantisable"); flag != nullptr && flag->is_bool())
        plan.kv_quantisable = flag->get_bool();
    if (const auto* nodes = printed.if_contains("nodes"); nodes != nullptr && nodes->is_array())
        for (const auto& value : nodes->get_array()) {
            auto node = node_of(value);
            if (!node) return report_not_understood();
            plan.nodes.push_back(std::move(*node));
        }
    for (const auto& value : lines->get_array()) {
        auto line = line_of(value);
        if (!line) return report_not_understood();
        plan.lines.push_back(std::move(*line));
    }
    return plan;
}

}  // namespace

std::string_view name_of(LoadMode mode) {
    return std::ranges::find(load_modes, mode, &std::pair<LoadMode, std::string_view>::first)->second;
}

std::optional<LoadMode> load_mode_named(std::string_view name) {
    const auto found = std::ranges::find(load_modes, name, &std::pair<LoadMode, std::string_view>::second);
    return found == load_modes.end() ? std::nullopt : std::optional(found->first);
}

bool is_quantised(std::string_view kv_cache_type) { return kv_cache_type.starts_with('q'); }

Bytes ModelPlan::total() const {
    Bytes sum;
    for (const auto& line : lines) sum += line.bytes;
    return sum;
}

Bytes ModelPlan::error() const {
    const auto sum = total();
    const auto evidence = learned ? std::min(learned->loads, learned->requests) : 0;
    const Bytes bound{error_of_unloaded(sum).count / std::clamp<std::int64_t>(evidence + 1, 1, 4)};
    return learned ? std::max(bound, learned->peak - sum) : bound;
}

Bytes ModelPlan::pessimistic() const { return total() + error(); }

Bytes error_of_unloaded(Bytes total) { return {total.count / 100}; }

EngineShape within_trained_context(EngineShape shape, int trained_context) {
    if (shape.embedding && trained_context > 0)
        shape.batch = shape.micro_batch = std::min(shape.micro_batch, trained_context);
    return shape;
}

std::string text_of_split(const EngineShape& shape) {
    std::string text;
    for (std::size_t i = 0; i < shape.nodes.size(); ++i)
        text += (i == 0 ? "" : ",") + std::to_string(i < shape.split.size() ? shape.split[i] : 1);
    return text;
}

std::string_view measuring_program(const EngineShape& shape) {
    return shape.whisper ? "sarai-whisper" : "sarai-measure";
}

std::vector<std::string> measure_arguments(const EngineShape& shape) {
    if (shape.whisper) return {"--plan", "--model", shape.model.string()};
    // What tells them apart is what the child is started in.
    const auto mode = shape.load_mode == LoadMode::compact ? LoadMode::copy : shape.load_mode;
    std::vector<std::string> arguments = {"--model",       shape.model.string(),
                                          "--context",     std::to_string(shape.context_length),
                                          "--parallel",    std::to_string(shape.parallel),
                                          "--batch",       std::to_string(shape.batch),
                                          "--micro-batch", std::to_string(shape.micro_batch)};
    if (shape.mmproj) {
        arguments.insert(arguments.end(),
                         {"--mmproj", shape.mmproj->string(), "--image-tokens", std::to_string(shape.image_tokens)});
    }
    arguments.insert(arguments.end(), {"--kv-type", shape.kv_cache_type, "--load-mode", std::string(name_of(mode)),
                                       "--checkpoints", std::to_string(shape.checkpoints)});
    for (const auto& node : shape.nodes) arguments.insert(arguments.end(), {"--node", node});
    if (!shape.nodes.empty()) arguments.insert(arguments.end(), {"--split", text_of_split(shape)});
    if (shape.embedding) arguments.emplace_back("--embedding");
    if (shape.rerank) arguments.emplace_back("--rerank");
    if (shape.prompt_cache != Bytes{}) {
        arguments.insert(arguments.end(), {"--prompt-cache", std::to_string(shape.prompt_cache.count)});
    }
    return arguments;
}

Result<ModelPlan> parse_measurement(const EngineShape& shape, int exit_status, std::string_view printed,
                                    std::string_view last_words) {
    if (died_of_a_signal(exit_status) && !shape.nodes.empty()) {
        // Its RPC client ends the process where a server says something that it does not expect.
        return fail(Code::unavailable,
                    "the engine crashed while it planned with the nodes of engine.rpc" +
                        (last_line(last_words).empty() ? "" : ": " + std::string(last_line(last_words))),
                    "Are the ggml-rpc-servers of the same version as the engine?");
    }
    const auto report = read_report(shape.model, exit_status, printed, last_words);
    if (!report) return std::unexpected(report.error());
    return plan_of(*report);
}

std::vector<std::filesystem::path> engine_libraries(std::string_view printed) {
    boost::system::error_code failed;
    const auto value = json::parse(printed, failed);
    const auto* object = failed ? nullptr : value.if_object();
    const auto* list = object == nullptr ? nullptr : object->if_contains("libraries");
    std::vector<std::filesystem::path> libraries;
    if (list == nullptr || !list->is_array()) return libraries;
    for (const auto& path : list->get_array())
        if (path.is_string()) libraries.emplace_back(std::string(path.get_string()));
    return libraries;
}

}  // namespace sarai::memory
