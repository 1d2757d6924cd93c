#include "cli/transcript.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace sarai::cli {

std::string transcript_markdown(std::string_view model, const ChatSettings& settings,
                                const std::vector<Message>& messages) {
    std::string text = fmt::format("# Conversation with {}\n", model);
    if (!settings.system.empty()) text += fmt::format("\n## System\n\n{}\n", settings.system);
    for (const auto& message : messages) {
        text += fmt::format("\n## {}\n\n", message.role == "user" ? "You" : message.by.empty() ? model : message.by);
        for (const auto& attachment : message.attachments)
            text += fmt::format("({}, {})\n\n", attachment.name, attachment.kind);
        text += message.text + "\n";
    }
    return text;
}

std::string transcript_json(std::string_view model, const ChatSettings& settings,
                            const std::vector<Message>& messages) {
    auto request = boost::json::parse(chat_request(model, messages, settings)).as_object();
    request.erase("stream");
    request.erase("stream_options");
    return boost::json::serialize(request) + "\n";
}

}  // namespace sarai::cli
