#include "imports/macros.hpp"

#include <algorithm>

namespace sarai::imports {
namespace {

constexpr int deepest_macro = 16;                      // macros within macros
constexpr std::size_t longest = std::size_t{1} << 16;  // bytes; a few that double themselves would fill the memory

}  // namespace

std::string Macros::expand(std::string_view text, std::vector<std::string>& unknown) const {
    std::string whole(text);
    for (int depth = 0; depth < deepest_macro; ++depth) {
        std::string out;
        bool any = false;
        std::string_view rest = whole;
        while (!rest.empty()) {
            const auto begin = rest.find("${");
            const auto end = begin == std::string_view::npos ? begin : rest.find('}', begin);
            if (end == std::string_view::npos || out.size() > longest) break;
            out += rest.substr(0, begin);
            const auto name = rest.substr(begin + 2, end - begin - 2);
            const auto found = values_.find(name);
            const auto* variable = name.starts_with("env.") ? environment_->find(name.substr(4)) : nullptr;
            if (found != values_.end() || variable != nullptr) {
                out += variable != nullptr ? *variable : found->second;
                any = true;
            } else {
                out += rest.substr(begin, end - begin + 1);
                if (!std::ranges::contains(unknown, name)) unknown.emplace_back(name);
            }
            rest.remove_prefix(end + 1);
        }
        out += rest;
        whole = std::move(out);
        if (!any) break;
    }
    return whole;
}

}  // namespace sarai::imports
