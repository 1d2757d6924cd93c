// Forms with files (multipart/form-data): the first line is the Content-Type, the rest the body. A form that is read
// has names, and parts that lie in the body one behind the other; written again with another boundary it is the same.
// As a call for what is said in a recording it is refused readably, or what a model is asked of it is JSON.
//
// options: -dict=fuzz/dictionaries/multipart.dict -max_len=4096
#include "protocols/multipart.hpp"

#include <boost/json/serialize.hpp>
#include <string>

#include "protocols/transcription.hpp"
#include "support/check.hpp"
#include "support/input.hpp"
#include "support/target.hpp"

namespace sarai::fuzz {
namespace {

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

// These three are read as what browsers escape, so there is no way to write them as they are.
bool can_be_written(std::string_view name) {
    return name.find_first_of("\r\n") == std::string_view::npos && !name.contains("%22") && !name.contains("%0D") &&
           !name.contains("%0A");
}

void read(std::string_view content_type, std::string_view body) {
    const auto form = protocols::parse_form(content_type, body);
    if (!form) {
        require_plain(form.error(), "the refusal of a form");
        return;
    }
    require(form->size() <= 64, "a form has at most 64 parts");
    const std::string boundary = "another-boundary-that-no-input-of-this-size-has";
    std::string written;
    const auto* end = body.data();
    for (const auto& part : *form) {
        require(!part.name.empty(), "a part has a name");
        require_utf8(part.name, "a part's name");
        require_utf8(part.filename, "a file's name");
        require_utf8(part.type, "a part's type");
        require(part.body.data() >= end, "parts follow one another");
        end = part.body.data() + part.body.size();
        require(end <= body.data() + body.size(), "a part lies in the body");
        if (!can_be_written(part.name) || !can_be_written(part.filename)) return;
        written += "--" + boundary + "\r\nContent-Disposition: form-data; name=" + in_quotes(part.name) +
                   "; filename=" + in_quotes(part.filename) + "\r\n\r\n" + std::string(part.body) + "\r\n";
    }
    if (body.contains(boundary)) return;
    written += "--" + boundary + "--\r\n";
    protocols::FormLimits limits;
    limits.header *= 4;  // a name that was replaced or escaped has grown
    const auto again = protocols::parse_form("multipart/form-data; boundary=" + boundary, written, limits);
    require(again && again->size() == form->size(), "a form that was written again can be read");
    for (std::size_t i = 0; i < form->size(); ++i)
        require((*again)[i].name == (*form)[i].name && (*again)[i].filename == (*form)[i].filename &&
                    (*again)[i].body == (*form)[i].body,
                "a form that was written again is the same");
}

void hear(std::string_view content_type, std::string_view body) {
    const auto call = protocols::transcription::decode_call(content_type, body, false);
    if (!call) {
        require_plain(call.error(), "the refusal of a recording");
        return;
    }
    const auto asked = protocols::transcription::ask_for(*call, "m", call->file, call->prompt);
    require_json(boost::json::serialize(asked.body), "what a model is asked");
}

}  // namespace
}  // namespace sarai::fuzz

FUZZ_TARGET(multipart) {
    sarai::fuzz::Input input(data, size);
    const auto content_type = input.line();
    sarai::fuzz::read(content_type, input.rest());
    sarai::fuzz::hear(content_type, input.rest());
    return 0;
}
