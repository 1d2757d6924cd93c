#include "page/page.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <ranges>

namespace sarai::page {
namespace {

constexpr std::string_view type_of(std::string_view path) {
    if (path.ends_with(".html")) return "text/html; charset=utf-8";
    if (path.ends_with(".js")) return "text/javascript; charset=utf-8";
    if (path.ends_with(".css")) return "text/css; charset=utf-8";
    if (path.ends_with(".svg")) return "image/svg+xml";
    return "application/octet-stream";
}

template <std::size_t plain_size, std::size_t gzip_size>
File row(std::string_view path, std::string_view digest, const unsigned char (&plain)[plain_size],
         const unsigned char (&gzip)[gzip_size]) {
    const auto text = [](const unsigned char* bytes, std::size_t size) {
        return std::string_view(reinterpret_cast<const char*>(bytes), size);
    };
    return {.path = path,
            .type = type_of(path),
            .digest = digest,
            .plain = text(plain, plain_size),
            .gzip = text(gzip, gzip_size),
            .lasting = path.starts_with("/assets/")};
}

#include "page_files.inc"

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

const File* find_file(std::string_view path) {
    const auto wanted = path == "/" ? std::string_view("/index.html") : path;
    const auto found = std::ranges::find(files, wanted, &File::path);
    return found == files.end() ? nullptr : &*found;
}

bool takes_gzip(std::string_view accept_encoding) {
    for (const auto part : std::views::split(accept_encoding, ',')) {
        const std::string_view item(part.begin(), part.end());
        const auto name = trimmed(item.substr(0, item.find(';')));
        if (name != "gzip" && name != "*") continue;
        const auto weight = item.find("q=");
        return weight == std::string_view::npos ||
               item.find_first_not_of("0.", weight + 2) < item.find_first_of(" \t,", weight + 2);
    }
    return false;
}

bool names_tag(std::string_view if_none_match, std::string_view tag) {
    for (const auto part : std::views::split(if_none_match, ',')) {
        auto item = trimmed(std::string_view(part.begin(), part.end()));
        if (item == "*") return true;
        if (item.starts_with("W/")) item.remove_prefix(2);  // compared weakly, as the header wants it
        if (item == tag) return true;
    }
    return false;
}

}  // namespace sarai::page
