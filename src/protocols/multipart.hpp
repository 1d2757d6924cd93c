// multipart/form-data (RFC 7578, RFC 2046) of a body that is in memory: the parts of a form, as views of it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sarai::protocols {

struct FormPart {
    std::string name;
    std::string filename = {};   // what the client calls its file; a name to show, never one to open
    std::string type = {};       // Content-Type as it was said, with its parameters; "" where nothing was
    std::string_view body = {};  // points into the form's body
};

struct FormLimits {
    std::size_t parts = 64;
    std::size_t header = 8192;  // bytes of the headers of a part
};

// In the order in which they came; names may be there several times. `content_type` is the request's header.
// Errors: invalid_argument, with what is wrong and, of a part, which one it is.
[[nodiscard]] Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body,
                                                       const FormLimits& limits = {});

}  // namespace sarai::protocols
