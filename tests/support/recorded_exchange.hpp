// Reads the recorded HTTP exchanges of tests/data (their README has the format). Header only, for tests.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::test {

struct RecordedExchange {
    std::string name;  // the file's, without its extension
    std::string method;
    std::string path;
    std::string request_body;
    unsigned status = 0;                         // 0: no answer came, or it was left out
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    bool cut = false;         // a part of the body was left out
    bool broken_off = false;  // the connection ended before the body did

    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> all;
        std::string_view rest = body;
        while (!rest.empty()) {
            const auto end = rest.find('\n');
            if (const auto line = rest.substr(0, end); !line.empty()) all.emplace_back(line);
            rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        }
        return all;
    }
    [[nodiscard]] bool is_stream() const {
        const auto type = headers.find("content-type");
        return type != headers.end() && (type->second == "application/x-ndjson" || type->second == "text/event-stream");
    }
};

inline RecordedExchange parse_exchange(std::string name, const std::string& text) {
    RecordedExchange out{.name = std::move(name)};
    enum class Part { request, headers, body } part = Part::request;
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto end = rest.find('\n');
        auto line = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.starts_with("< curl:")) {
            out.broken_off = line.contains("exit=18") || line.contains("exit=52");
        } else if (line.starts_with("curl: (")) {
            continue;
        } else if (line == "... (lines left out) ...") {
            out.cut = true;
        } else if (part == Part::body) {
            out.body.append(line).append("\n");
        } else if (line.starts_with("> body: ")) {
            out.request_body = line.substr(8);
        } else if (line.starts_with("> ") && out.method.empty()) {
            const auto space = line.find(' ', 2);
            out.method = line.substr(2, space - 2);
            out.path = line.substr(space + 1, line.find(' ', space + 1) - space - 1);
        } else if (line.starts_with("HTTP/1.1 ")) {
            out.status = static_cast<unsigned>(std::stoul(std::string(line.substr(9, 3))));
            part = Part::headers;
        } else if (part == Part::headers && line.empty()) {
            part = Part::body;
        } else if (part == Part::headers) {
            const auto colon = line.find(": ");
            std::string key(line.substr(0, colon));
            std::ranges::transform(key, key.begin(),
                                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            out.headers[key] = colon == std::string_view::npos ? "" : line.substr(colon + 2);
        }
    }
    while (out.body.ends_with('\n')) out.body.pop_back();
    return out;
}

inline RecordedExchange read_exchange(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw std::runtime_error("no such recording: " + file.string());
    return parse_exchange(file.stem().string(), {std::istreambuf_iterator<char>(stream), {}});
}

// All exchanges of a folder, by name.
inline std::vector<RecordedExchange> read_exchanges(const std::filesystem::path& folder) {
    std::vector<RecordedExchange> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".http") all.push_back(read_exchange(entry.path()));
    std::ranges::sort(all, {}, &RecordedExchange::name);
    return all;
}

}  // namespace sarai::test
