// What fuzz targets demand of the code: properties beyond "does not crash". A demand that is not met ends the process
// with a message, which libFuzzer and the replay both report together with the input.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "base/error.hpp"

namespace sarai::fuzz {

void require(bool holds, std::string_view what);

void require_utf8(std::string_view text, std::string_view what);

// Valid JSON in UTF-8, at most 1024 levels deep. (A translation may nest what it was given a few levels deeper.)
boost::json::value require_json(std::string_view text, std::string_view what);

// Equal but for the last digits of floating-point numbers: Boost.JSON reads those with an error of up to one unit in
// the last place, so what was written and read again may have moved.
[[nodiscard]] bool same(const boost::json::value& a, const boost::json::value& b);

// An error that bad input may lead to: it says something, readably, and does not blame a bug.
void require_plain(const Error& error, std::string_view what);

}  // namespace sarai::fuzz
