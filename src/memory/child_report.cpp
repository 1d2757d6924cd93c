#include "memory/child_report.hpp"

#include <boost/json/parse.hpp>
#include <optional>

namespace sarai::memory {
namespace {

namespace json = boost::json;

std::optional<Code> code_named(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
        if (name_of(static_cast<Code>(i)) == name) return static_cast<Code>(i);
    }
    return std::nullopt;
}

Error error_of(const json::object& printed) {
    const auto* inner = printed.if_contains("error");
    if (inner == nullptr || !inner->is_object()) return report_not_understood().error();
    const auto& error = inner->get_object();
    auto message = text_or_nothing(error, "message");
    if (message.empty()) message = "the measuring program failed without a reason";
    return {.code = code_named(text_or_nothing(error, "code")).value_or(Code::internal),
            .message = std::move(message),
            .hint = text_or_nothing(error, "hint")};
}

}  // namespace

bool died_of_a_signal(int exit_status) { return exit_status < 0 || exit_status > 128; }

std::string_view last_line(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
    const auto start = text.rfind('\n');
    return start == std::string_view::npos ? text : text.substr(start + 1);
}

std::string text_or_nothing(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

std::unexpected<Error> report_not_understood() {
    return fail(Code::internal, "the measuring program printed something else than a measurement",
                "Are sarai and sarai-measure of the same version?");
}

Result<json::object> read_report(const std::filesystem::path& file, int exit_status, std::string_view printed,
                                 std::string_view last_words) {
    if (died_of_a_signal(exit_status)) {
        std::string message = "the engine crashed while it looked at " + file.string();
        if (const auto line = last_line(last_words); !line.empty()) message += ": " + std::string(line);
        return fail(Code::corrupt_file, std::move(message), "The file is damaged, or this engine cannot read it.");
    }
    boost::system::error_code failed;
    auto value = json::parse(printed, failed);
    if (failed || !value.is_object()) {
        if (exit_status == 0 || last_line(last_words).empty()) return report_not_understood();
        return fail(Code::internal, "the measuring program failed: " + std::string(last_line(last_words)));
    }
    if (exit_status != 0) return std::unexpected(error_of(value.get_object()));
    return std::move(value.get_object());
}

}  // namespace sarai::memory
