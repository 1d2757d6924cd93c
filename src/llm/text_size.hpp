// How much text a request brings, beside its pictures and sound. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>

#include "llm/types.hpp"

namespace sarai::llm {

// Of a part of a message: is it a picture, sound, a film or another file?
[[nodiscard]] bool is_media(const boost::json::value& part);
// Bytes of all text in the body, with names and figures, and without the parts that are media.
[[nodiscard]] std::size_t text_size(const Request& request);

}  // namespace sarai::llm
