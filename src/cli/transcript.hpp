// A conversation as text for people or for programs. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/chat.hpp"

namespace sarai::cli {

// Each message under a heading with who said it; of attachments their names.
[[nodiscard]] std::string transcript_markdown(std::string_view model, const ChatSettings& settings,
                                              const std::vector<Message>& messages);

// {"model", "messages"}, and "temperature" where it is set: what a chat request of OpenAI's API has.
[[nodiscard]] std::string transcript_json(std::string_view model, const ChatSettings& settings,
                                          const std::vector<Message>& messages);

}  // namespace sarai::cli
