// What `sarai-measure` printed, or why it printed nothing: one JSON object, or the error that it names. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::memory {

// Errors: the child's own, with their kind (not_found, corrupt_file, unsupported, invalid_argument); corrupt_file with
// `last_words` where it died of `file`; internal for anything that is no report.
[[nodiscard]] Result<boost::json::object> read_report(const std::filesystem::path& file, int exit_status,
                                                      std::string_view printed, std::string_view last_words);

[[nodiscard]] std::unexpected<Error> report_not_understood();

// Shells and most callers report a signal as 128 + its number, others as a negative number.
[[nodiscard]] bool died_of_a_signal(int exit_status);
// The last line that says something.
[[nodiscard]] std::string_view last_line(std::string_view text);

// Empty where the key is absent or of another type.
[[nodiscard]] std::string text_or_nothing(const boost::json::object& object, std::string_view key);

}  // namespace sarai::memory
