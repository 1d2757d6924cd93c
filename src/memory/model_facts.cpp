#include "memory/model_facts.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <limits>

#include "memory/child_report.hpp"
#include "memory/embedders.hpp"

namespace sarai::memory {
namespace {

namespace json = boost::json;

bool is_true(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

// False where there is no whole number from 0 to `most`.
template <class Number>
bool read(const json::object& object, std::string_view key, Number& into) {
    const auto* value = object.if_contains(key);
    const auto number = value == nullptr ? boost::system::result<std::int64_t>(json::error::not_number)
                                         : value->try_to_number<std::int64_t>();
    if (!number || *number < 0 || std::cmp_greater(*number, std::numeric_limits<Number>::max())) return false;
    into = static_cast<Number>(*number);
    return true;
}

std::optional<TensorFacts> tensor_of(const json::value& value) {
    const auto* object = value.if_object();
    const auto* shape = object == nullptr ? nullptr : object->if_contains("shape");
    if (shape == nullptr || !shape->is_array()) return std::nullopt;
    TensorFacts tensor{.name = text_or_nothing(*object, "name"), .type = text_or_nothing(*object, "type"), .shape = {}};
    for (const auto& side : shape->get_array()) {
        if (!side.is_int64()) return std::nullopt;
        tensor.shape.push_back(side.get_int64());
    }
    return tensor.name.empty() ? std::nullopt : std::optional(std::move(tensor));
}

bool is_word(char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Whether code uses a variable of that name; an attribute ("message.tools") or a text ("'tools'") is none.
bool uses(std::string_view code, std::string_view name) {
    for (auto at = code.find(name); at != std::string_view::npos; at = code.find(name, at + name.size())) {
        const char before = at == 0 ? ' ' : code[at - 1];
        const char after = at + name.size() == code.size() ? ' ' : code[at + name.size()];
        if (!is_word(before) && before != '.' && before != '\'' && before != '"' && !is_word(after)) return true;
    }
    return false;
}

bool template_uses(std::string_view text, std::string_view name) {
    for (auto begin = text.find('{'); begin != std::string_view::npos; begin = text.find('{', begin + 1)) {
        if (begin + 1 == text.size() || (text[begin + 1] != '{' && text[begin + 1] != '%')) continue;
        const auto end = text.find(text[begin + 1] == '{' ? "}}" : "%}", begin + 2);
        if (uses(text.substr(begin + 2, end == std::string_view::npos ? end : end - begin - 2), name)) return true;
        if (end == std::string_view::npos) break;
        begin = end;
    }
    return false;
}

// Older converters said nothing of how a reranker pools; what makes its score is there all the same.
bool has_classifier(const ModelFacts& facts) {
    return makes_vectors_only(facts.architecture) &&
           std::ranges::contains(facts.tensors, "cls.output.weight", &TensorFacts::name);
}

}  // namespace

std::vector<std::string> describe_arguments(const std::filesystem::path& file) {
    return {"--describe", "--model", file.string()};
}

Result<ModelFacts> parse_description(const std::filesystem::path& file, int exit_status, std::string_view printed,
                                     std::string_view last_words) {
    auto report = read_report(file, exit_status, printed, last_words);
    if (!report) return std::unexpected(report.error());
    const auto* tensors = report->if_contains("tensors");
    auto* metadata = report->if_contains("metadata");
    ModelFacts facts{.architecture = text_or_nothing(*report, "architecture"),
                     .quantisation = text_or_nothing(*report, "quantisation"),
                     .chat_template = text_or_nothing(*report, "chat_template"),
                     .is_projector = is_true(*report, "is_projector"),
                     .sees = is_true(*report, "sees"),
                     .hears = is_true(*report, "hears"),
                     .has_fim_tokens = is_true(*report, "has_fim_tokens")};
    const bool whole = !facts.architecture.empty() && read(*report, "parameter_count", facts.parameter_count) &&
                       read(*report, "context_length", facts.context_length) &&
                       read(*report, "embedding_length", facts.embedding_length) &&
                       read(*report, "left_out", facts.left_out) && metadata != nullptr && metadata->is_object() &&
                       tensors != nullptr && tensors->is_array();
    if (!whole) return report_not_understood();
    if (int pooling = 0; read(*report, "pooling_type", pooling)) facts.pooling_type = pooling;
    facts.metadata = std::move(metadata->get_object());
    for (const auto& value : tensors->get_array()) {
        auto tensor = tensor_of(value);
        if (!tensor) return report_not_understood();
        facts.tensors.push_back(std::move(*tensor));
    }
    return facts;
}

FileKind kind_of(const ModelFacts& facts) {
    if (facts.is_projector) return FileKind::projector;
    if (facts.architecture == "whisper") return FileKind::transcription;
    constexpr int rank = 4;  // LLAMA_POOLING_TYPE_RANK
    if (facts.pooling_type == rank || (!facts.pooling_type && has_classifier(facts))) return FileKind::rerank;
    const bool pools = facts.pooling_type.value_or(0) != 0;
    return pools || makes_vectors_only(facts.architecture) ? FileKind::embedding : FileKind::chat;
}

bool takes_tools(const ModelFacts& facts) {
    // Some have a template of its own for requests with tools.
    return template_uses(facts.chat_template, "tools") || facts.metadata.contains("tokenizer.chat_template.tool_use");
}

bool thinks(const ModelFacts& facts) {
    static constexpr std::array<std::string_view, 5> signs = {"<think>", "</think>", "enable_thinking",
                                                              "reasoning_content", "<|channel|>"};
    return std::ranges::any_of(signs, [&](auto sign) { return facts.chat_template.contains(sign); });
}

}  // namespace sarai::memory
