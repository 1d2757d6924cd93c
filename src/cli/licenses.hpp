// What sarai is made of and under which licences: a table, checked against what is linked by tests/packages. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sarai::cli {

struct Component {
    std::string_view name;
    std::string_view license;  // its SPDX expression
    std::string_view library;  // how its shared library's name begins; empty: compiled in
};

[[nodiscard]] std::span<const Component> components();
[[nodiscard]] std::string licenses_text();

}  // namespace sarai::cli
