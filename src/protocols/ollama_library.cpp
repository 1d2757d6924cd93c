#include "protocols/ollama_library.hpp"

#include <fmt/format.h>

#include <array>

#include "protocols/go_json.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama_options.hpp"

namespace sarai::protocols::ollama {
namespace {

constexpr std::array create_fields{go::Field{"model", "string"},
                                   go::Field{"name", "string"},
                                   go::Field{"from", "string"},
                                   go::Field{"files", "map[string]string"},
                                   go::Field{"adapters", "map[string]string"},
                                   go::Field{"parameters", "map[string]interface {}"},
                                   go::Field{"template", "string"},
                                   go::Field{"system", "string"},
                                   go::Field{"messages", "[]api.Message"},
                                   go::Field{"quantize", "string"},
                                   go::Field{"quantization", "string"},
                                   go::Field{"modelfile", "string"},
                                   go::Field{"stream", "bool"}};
constexpr std::array created_message_fields{go::Field{"role", "string"}, go::Field{"content", "string"},
                                            go::Field{"images", "[]api.ImageData"}};
constexpr std::array copy_fields{go::Field{"source", "string"}, go::Field{"destination", "string"}};
constexpr std::array delete_fields{go::Field{"model", "string"}, go::Field{"name", "string"}};
constexpr std::array pull_fields{go::Field{"model", "string"}, go::Field{"name", "string"},
                                 go::Field{"insecure", "bool"}, go::Field{"stream", "bool"}};

std::unexpected<Error> unsupported(std::string_view field, std::string message) {
    return std::unexpected(
        Error{.code = Code::unsupported, .message = std::move(message), .field = std::string(field)});
}

std::unexpected<Error> wrong_type(std::string_view path, const json::value& value, std::string_view type) {
    return fail_field(std::string(path), fmt::format("json: cannot unmarshal {} into Go struct field {} of type {}",
                                                     go::name_of_kind(value), path, type));
}

// The object that a body must be, its fields checked.
Result<json::object> parse(std::string_view body, std::string_view type, std::span<const go::Field> fields) {
    if (body.empty()) return fail(Code::invalid_argument, "missing request body");
    if (has_more_values(body)) return fail(Code::too_large, "the body has more than a million JSON values");
    auto value = parse_json(body);
    if (!value)
        return fail(Code::invalid_argument,
                    value.error().incomplete ? "unexpected EOF" : describe(value.error(), body));
    if (!value->is_object())
        return fail(Code::invalid_argument, fmt::format("json: cannot unmarshal {} into Go value of type api.{}",
                                                        go::name_of_kind(*value), type));
    if (auto checked = go::check_fields(value->get_object(), type, fields); !checked)
        return std::unexpected(checked.error());
    return std::move(value->get_object());
}

// Older clients say "name".
std::string model_of(const json::object& body) {
    const auto model = string_at(body, "model");
    return std::string(model.empty() ? string_at(body, "name") : model);
}

bool streams(const json::object& body) {
    const auto* stream = find(body, "stream");
    return stream == nullptr || stream->get_bool();
}

Result<void> take_files(const json::object& body, CreateRequest& out) {
    const auto* files = object_at(body, "files");
    if (files == nullptr) return {};
    for (const auto& [name, digest] : *files) {
        if (!digest.is_string()) return wrong_type("CreateRequest.files", digest, "string");
        out.files.emplace_back(name, digest.get_string());
    }
    return {};
}

Result<void> take_parameters(const json::object& body, Recipe& out) {
    const auto* parameters = object_at(body, "parameters");
    if (parameters == nullptr) return {};
    for (const auto& [key, value] : *parameters) {
        if (value.is_null()) continue;
        const auto refuse = [name = std::string_view(key)](std::string_view type) {
            return fail_field(fmt::format("parameters.{}", name),
                              fmt::format("option \"{}\" must be of type {}", name, type));
        };
        // Here, unlike in "options", one text may stand for an array of one.
        const auto type = type_of_option(key);
        if (is_retired_option(key)) continue;
        if (!type && !is_switch(key))
            return fail_field(fmt::format("parameters.{}", excerpt(std::string_view(key))),
                              fmt::format("\"{}\" is no parameter that is known here", excerpt(std::string_view(key))));
        if (key == "num_ctx" && value.is_number() &&
            !(value.to_number<double>() >= 1 && value.to_number<double>() <= 1 << 24))
            return refuse("integer from 1 to 16777216");
        const bool one_text = type == OptionType::strings && value.is_string();
        if (type && !one_text && !fits(*type, value)) return refuse(name_of(*type));
        if (type == OptionType::strings && value.is_array())
            for (const auto& element : value.get_array())
                if (!element.is_string()) return refuse("array of strings");
        out.parameters[key] = one_text ? json::value(json::array{value}) : value;
    }
    return {};
}

Result<void> take_licenses(const json::object& body, Recipe& out) {
    const auto* license = find(body, "license");
    if (license == nullptr) return {};
    if (license->is_string()) {
        if (!license->get_string().empty()) out.licenses.emplace_back(license->get_string());
        return {};
    }
    if (!license->is_array()) return wrong_type("CreateRequest.license", *license, "[]string");
    for (const auto& element : license->get_array()) {
        if (!element.is_string()) return wrong_type("CreateRequest.license", element, "string");
        out.licenses.emplace_back(element.get_string());
    }
    return {};
}

Result<void> take_messages(const json::object& body, Recipe& out) {
    const auto* messages = array_at(body, "messages");
    if (messages == nullptr) return {};
    for (const auto& value : *messages) {
        const auto* message = value.if_object();
        if (message == nullptr) return wrong_type("CreateRequest.messages", value, "api.Message");
        if (auto checked = go::check_fields(*message, "CreateRequest.messages", created_message_fields); !checked)
            return checked;
        const auto role = string_at(*message, "role");
        if (!is_message_role(role))
            return fail_field("messages",
                              fmt::format("message role must be one of \"system\", \"user\", or \"assistant\", not "
                                          "\"{}\"",
                                          excerpt(role)));
        if (const auto* images = array_at(*message, "images"); images != nullptr && !images->empty())
            return unsupported("messages", "messages of a model cannot hold images here");
        out.messages.push_back({.role = std::string(role), .content = std::string(string_at(*message, "content"))});
    }
    return {};
}

// What would make another file of the weights.
Result<void> refuse_conversions(const json::object& body) {
    for (const auto* field : {"quantize", "quantization"})
        if (const auto wanted = string_at(body, field); !wanted.empty())
            return unsupported(field, fmt::format("'{}' is \"{}\"; models are kept as they come, so bring a file that "
                                                  "is quantised already",
                                                  field, excerpt(wanted)));
    if (const auto* adapters = object_at(body, "adapters"); adapters != nullptr && !adapters->empty())
        return unsupported("adapters", "'adapters' are not supported; merge them into the model's file");
    return {};
}

}  // namespace

Result<CreateRequest> decode_create(std::string_view text) {
    const auto body = parse(text, "CreateRequest", create_fields);
    if (!body) return std::unexpected(body.error());
    CreateRequest out{.model = model_of(*body),
                      .from = std::string(string_at(*body, "from")),
                      .modelfile = std::string(string_at(*body, "modelfile")),
                      .recipe = {.chat_template = std::string(string_at(*body, "template")),
                                 .system = std::string(string_at(*body, "system"))},
                      .stream = streams(*body)};
    for (const auto& taken : {refuse_conversions(*body), take_files(*body, out), take_parameters(*body, out.recipe),
                              take_licenses(*body, out.recipe), take_messages(*body, out.recipe)})
        if (!taken) return std::unexpected(taken.error());
    if (out.from.empty() && out.files.empty() && out.modelfile.empty())
        return fail_field("from", "neither 'from' or 'files' was specified");
    return out;
}

Result<CopyRequest> decode_copy(std::string_view text) {
    const auto body = parse(text, "CopyRequest", copy_fields);
    if (!body) return std::unexpected(body.error());
    return CopyRequest{.source = std::string(string_at(*body, "source")),
                       .destination = std::string(string_at(*body, "destination"))};
}

Result<std::string> decode_delete(std::string_view text) {
    const auto body = parse(text, "DeleteRequest", delete_fields);
    if (!body) return std::unexpected(body.error());
    return model_of(*body);
}

Result<PullRequest> decode_pull(std::string_view text) {
    const auto body = parse(text, "PullRequest", pull_fields);
    if (!body) return std::unexpected(body.error());
    return PullRequest{.model = model_of(*body), .insecure = true_at(*body, "insecure"), .stream = streams(*body)};
}

bool is_message_role(std::string_view role) { return role == "system" || role == "user" || role == "assistant"; }

namespace status {

std::string new_layer(std::string_view digest) { return fmt::format("creating new layer {}", digest); }
std::string existing_layer(std::string_view digest) { return fmt::format("using existing layer {}", digest); }
std::string pulling(std::string_view file) {
    constexpr std::string_view prefix = "sha256:";
    return fmt::format("pulling {}", file.starts_with(prefix) ? file.substr(prefix.size(), 12) : file);
}

}  // namespace status

json::object encode_progress(const Progress& progress) {
    json::object out;
    out["status"] = progress.status;
    if (!progress.digest.empty()) out["digest"] = progress.digest;
    if (progress.total.count > 0) out["total"] = progress.total.count;
    if (progress.completed.count > 0) out["completed"] = progress.completed.count;
    return out;
}

}  // namespace sarai::protocols::ollama
