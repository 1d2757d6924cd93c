// How values and the lines of a section are written in YAML, so that the configuration reads them again. Pure.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace sarai::cli {

// In the largest unit that divides it; decimal ones where somebody wrote such.
[[nodiscard]] std::string exact(Bytes bytes);
[[nodiscard]] std::string exact(std::chrono::milliseconds time);

// Any text, in double quotes, and "${" as it stands.
[[nodiscard]] std::string in_double_quotes(std::string_view text);
[[nodiscard]] std::string list_of(const std::vector<std::string>& items);

[[nodiscard]] inline std::string number(int value) { return std::to_string(value); }
[[nodiscard]] inline std::string fraction(double value) { return fmt::format("{}", value); }
[[nodiscard]] inline std::string truth(bool value) { return value ? "true" : "false"; }
[[nodiscard]] inline std::string size_text(Bytes bytes) { return exact(bytes); }
[[nodiscard]] inline std::string time_text(std::chrono::milliseconds time) { return exact(time); }

// The lines of one section.
class Section {
public:
    explicit Section(std::string indent) : indent_(std::move(indent)) {}
    void add(std::string_view key, const std::string& value) {
        text_ += fmt::format("{}{}: {}\n", indent_, key, value);
    }
    // What is the default goes without saying.
    template <class T, class Shown>
    void add_changed(std::string_view key, const T& value, const T& fallback, Shown shown) {
        if (value != fallback) add(key, shown(value));
    }
    void add_filled(std::string_view key, const std::string& text) {
        if (!text.empty()) add(key, in_double_quotes(text));
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string indent_;
    std::string text_;
};

}  // namespace sarai::cli
