#include "remote/worker_request.hpp"

#include <fmt/format.h>

#include "protocols/json.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using protocols::array_at;
using protocols::object_at;
using protocols::string_at;

// {"type": "image_url", "image_url": {"url"} or the address itself}
std::string_view address_in(const json::object& part) {
    for (const auto* key : {"image_url", "video_url", "audio_url"}) {
        if (const auto* nested = object_at(part, key)) return string_at(*nested, "url");
        if (const auto text = string_at(part, key); !text.empty()) return text;
    }
    return {};
}

Result<void> check_media(const json::object& body) {
    const auto* messages = array_at(body, "messages");
    if (messages == nullptr) return {};
    for (std::size_t i = 0; i < messages->size(); ++i) {
        const auto* message = (*messages)[i].if_object();
        const auto* parts = message == nullptr ? nullptr : array_at(*message, "content");
        if (parts == nullptr) continue;
        for (std::size_t j = 0; j < parts->size(); ++j) {
            const auto* part = (*parts)[j].if_object();
            const auto address = part == nullptr ? std::string_view{} : address_in(*part);
            if (address.empty() || address.starts_with("data:")) continue;
            auto path = fmt::format("messages[{}].content[{}]", i, j);
            auto message_text = fmt::format(
                "'{}' has the address \"{}\"; expected a data: URL, since a local model "
                "fetches nothing",
                path, protocols::excerpt(address, 60));
            return fail_field(std::move(path), std::move(message_text));
        }
    }
    return {};
}

}  // namespace

Result<std::optional<llm::Request>> for_worker(const llm::Request& request) {
    if (request.task != llm::Task::chat) return std::nullopt;
    if (auto media = check_media(request.body); !media) return std::unexpected(media.error());
    const auto* choice = object_at(request.body, "tool_choice");
    if (choice == nullptr) return std::nullopt;
    const auto* function = object_at(*choice, "function");
    const auto wanted = function == nullptr ? std::string_view{} : string_at(*function, "name");
    json::array tools;
    if (const auto* all = array_at(request.body, "tools"))
        for (const auto& tool : *all)
            if (const auto* object = tool.if_object())
                if (const auto* named = object_at(*object, "function"); named && string_at(*named, "name") == wanted)
                    tools.push_back(tool);
    if (tools.empty())
        return fail_field("tool_choice", fmt::format("'tool_choice' names \"{}\"; expected one of 'tools'",
                                                     protocols::excerpt(wanted, 60)));
    auto own = request;
    own.text = {};
    own.body["tools"] = std::move(tools);
    own.body["tool_choice"] = "required";
    return own;
}

}  // namespace sarai::remote
