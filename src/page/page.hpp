// The files of the web page, as they are built into the program. Pure; everything lives as long as the program.
#pragma once

#include <string_view>

namespace sarai::page {

struct File {
    std::string_view path;  // as browsers ask for it: "/index.html", "/assets/…"
    std::string_view type;
    std::string_view digest;  // of its content
    std::string_view plain;
    std::string_view gzip;
    bool lasting;  // its name changes with its content
};

// Null: there is no such file. "/" is the page itself.
[[nodiscard]] const File* find_file(std::string_view path);

// Does an Accept-Encoding header take gzip? "gzip;q=0" does not, "*" does.
[[nodiscard]] bool takes_gzip(std::string_view accept_encoding);

// Does an If-None-Match header name this tag, or any?
[[nodiscard]] bool names_tag(std::string_view if_none_match, std::string_view tag);

// What its pages may do: nothing but what comes from this server; no inline scripts or styles.
inline constexpr std::string_view content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' data: "
    "blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace sarai::page
