#include "gateway/ability.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "llm/text_size.hpp"
#include "protocols/json.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

std::unexpected<Error> cannot(const char* field, std::string message) {
    return std::unexpected(Error{.code = Code::unsupported, .message = std::move(message), .field = field});
}

bool wants_tools(const json::object& body) {
    const auto* tools = protocols::array_at(body, "tools");
    return tools != nullptr && !tools->empty() && protocols::string_at(body, "tool_choice") != "none";
}

bool wants_thoughts(const json::object& body) {
    const auto* arguments = protocols::object_at(body, "chat_template_kwargs");
    return arguments != nullptr && protocols::true_at(*arguments, "enable_thinking");
}

std::string_view what_it_does(config::ModelKind kind) {
    switch (kind) {
        case config::ModelKind::chat: return "generates text";
        case config::ModelKind::embedding: return "makes embeddings";
        case config::ModelKind::rerank: return "ranks documents (POST /v1/rerank)";
        case config::ModelKind::transcription: return "hears speech (POST /v1/audio/transcriptions)";
    }
    return "generates text";
}

std::string_view what_is_asked(llm::Task task) {
    if (task == llm::Task::rerank) return "rank documents";
    if (task == llm::Task::transcription) return "hear speech";
    return task == llm::Task::embedding ? "make embeddings" : "generate text";
}

bool fits(config::ModelKind kind, llm::Task task) {
    if (kind == config::ModelKind::transcription || task == llm::Task::transcription)
        return kind == config::ModelKind::transcription && task == llm::Task::transcription;
    if (task == llm::Task::rerank) return kind == config::ModelKind::rerank;
    if (task == llm::Task::embedding) return kind != config::ModelKind::rerank;
    return !llm::generates(task) || kind == config::ModelKind::chat;
}

std::unexpected<Error> of_another_kind(const config::Model& model, llm::Task task) {
    return std::unexpected(
        Error{.code = Code::unsupported,
              .message = fmt::format("model '{}' is of kind {}: it {} and cannot {}", model.name,
                                     config::name_of(model.kind), what_it_does(model.kind), what_is_asked(task)),
              .field = "model"});
}

}  // namespace

Result<void> is_able(const config::Model& model, llm::Task task) {
    if (fits(model.kind, task)) return {};
    return of_another_kind(model, task);
}

asio::awaitable<Result<void>> can_answer(const config::Model& model, const llm::Request& request, Shared shared) {
    if (auto able = is_able(model, request.task); !able) co_return able;
    if (model.remote || !model.local) co_return Result<void>{};
    // A server may make vectors with any model; a worker is started for one or the other.
    if (request.task == llm::Task::embedding && model.kind != config::ModelKind::embedding)
        co_return of_another_kind(model, request.task);
    const auto answers = protocols::integer_at(request.body, "n").value_or(1);
    if (llm::generates(request.task) && answers > model.local->parallel)
        co_return cannot("n", fmt::format("'n' is {}, and model '{}' gives at most {} at once (models.{}.parallel)",
                                          answers, model.name, model.local->parallel, model.name));
    const bool tools = request.task == llm::Task::chat && wants_tools(request.body);
    const bool thoughts = request.task == llm::Task::chat && wants_thoughts(request.body);
    const bool infill = llm::wants_infill(request);
    if (!tools && !thoughts && !infill) co_return Result<void>{};
    auto facts = shared.catalogue.look(model.local->path).facts;
    if (!facts)  // what is wrong with the file, the load will say
        if (auto read = co_await shared.catalogue.describe(model.local->path)) facts = *read;
    if (!facts) co_return Result<void>{};
    // In Ollama's words: clients look for them.
    if (tools && !memory::takes_tools(*facts))
        co_return cannot("tools", fmt::format("\"{}\" does not support tools", request.model));
    if (thoughts && !memory::thinks(*facts))
        co_return cannot("think", fmt::format("\"{}\" does not support thinking", request.model));
    if (infill && !facts->has_fim_tokens)
        co_return cannot("suffix", fmt::format("\"{}\" does not support insert", request.model));
    co_return Result<void>{};
}

bool reads_text_alone(const config::Model& model) {
    return model.local && !model.local->mmproj && !model.local->whisper;
}

Error text_alone(const config::Model& model, std::string_view why_it) {
    return {.code = Code::invalid_argument,
            .message = fmt::format("model '{}' reads text alone{}; expected messages without pictures and sound",
                                   model.name, why_it),
            .field = "messages"};
}

// A worker tokenises what it gets before it finds it too long: 8 MB of text took it 500 MB beyond its plan. No
// tokenizer here makes tokens of more than 64 bytes on average; the rest is for JSON around the text.
Result<void> fits_context(const config::Model& model, const llm::Request& request, std::size_t size) {
    if (!model.local) return {};
    if (request.task == llm::Task::transcription) return {};  // its sound is cut to what the model can hold
    const auto limit = KiB(256) + Bytes{std::int64_t{64} * model.local->context_length};
    std::string_view what = "the request is";
    auto longest = size;
    if (request.task == llm::Task::rerank) {  // its documents are read one by one
        what = "the query and the longest document are";
        longest = request.size;
    } else if (request.task == llm::Task::embedding) {  // so are its inputs, and what may be cut will be
        if (llm::may_truncate(request)) return {};
        what = "the longest input is";
        longest = llm::longest_input(request);
    } else if (model.local->mmproj) {  // of pictures and sound the Normalizer knows what is too much
        what = "the text of the request is";
        longest = std::max(request.size, llm::text_size(request));
    }
    const auto found = Bytes{static_cast<std::int64_t>(longest)};
    if (found <= limit) return {};
    return fail(Code::too_long,
                fmt::format("{} {} long, more than model '{}' can hold in its context of {} tokens ({} at most)", what,
                            to_string(found), model.name, model.local->context_length, to_string(limit)));
}

}  // namespace sarai::gateway
