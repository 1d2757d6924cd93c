#include "cli/yaml_section.hpp"

namespace sarai::cli {

std::string exact(Bytes bytes) {
    if (bytes.count >= 1'000'000'000 && bytes.count % 100'000'000 == 0)
        return fmt::format("{:.1f}GB", static_cast<double>(bytes.count) / 1e9);
    for (const auto& [unit, size] : {std::pair{"GiB", GiB(1)}, {"MiB", MiB(1)}, {"KiB", KiB(1)}})
        if (bytes.count != 0 && bytes.count % size.count == 0)
            return fmt::format("{}{}", bytes.count / size.count, unit);
    return std::to_string(bytes.count);
}

std::string exact(std::chrono::milliseconds time) {
    return time.count() % 1000 == 0 ? fmt::format("{}s", time.count() / 1000) : fmt::format("{}ms", time.count());
}

std::string in_double_quotes(std::string_view text) {
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        switch (text[i]) {  // a line break as it is would be read as a space
            case '\n': out += "\\n"; continue;
            case '\r': out += "\\r"; continue;
            case '\t': out += "\\t"; continue;
            default: break;
        }
        if (text[i] == '"' || text[i] == '\\') out += '\\';
        if (text.substr(i).starts_with("${")) out += '$';
        out += text[i];
    }
    return out + "\"";
}

std::string list_of(const std::vector<std::string>& items) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ", ") + in_double_quotes(item);
    return "[" + text + "]";
}

}  // namespace sarai::cli
