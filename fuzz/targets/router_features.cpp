// Prompts of any bytes: cut into tokens that lie within the text, do not depend on case or accents, and whose number
// has an upper bound; lines of training data are read or refused in words.
//
// options: -max_len=8192
#include <algorithm>
#include <cctype>
#include <string>

#include "base/utf8.hpp"
#include "router/example.hpp"
#include "router/features.hpp"
#include "support/check.hpp"
#include "support/input.hpp"
#include "support/target.hpp"

namespace sarai::fuzz {
namespace {

// Upper case in ASCII: letters' case is folded, except that it tells camelCase apart and addresses are in lower case.
bool has_joints(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) {
        return std::isupper(c) != 0 || c == '.' || c == ':' || c == '/' || c == '(' || c == '_' || c >= 0x80;
    });
}

void check(std::string_view text) {
    std::size_t end = 0;
    for (const auto& token : router::tokens_of(text)) {
        require(token.at <= text.size() && token.size <= text.size() - token.at, "a token lies within the text");
        require(token.size > 0 && !token.text.empty(), "a token is something");
        require(token.at + token.size >= end, "tokens go forward");
        end = token.at + token.size;
        require_utf8(token.text, "a token");
    }
    const auto features = router::features_of(text);
    require(features.size() <= 64 * (router::most_leading_bytes + router::most_trailing_bytes) + 64,
            "features have an upper bound");
    require(std::ranges::none_of(features, [](const auto& feature) { return feature.hash == 0; }), "0 is no hash");
    if (has_joints(text)) return;
    std::string upper(text);
    // One word at a time would be a shout, but no other word.
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const auto shouted = router::tokens_of(upper);
    const auto plain = router::tokens_of(text);
    require(std::ranges::equal(shouted, plain, {}, &router::Token::text, &router::Token::text),
            "case makes no difference");
}

}  // namespace
}  // namespace sarai::fuzz

FUZZ_TARGET(router_features) {
    const auto text = sarai::fuzz::Input(data, size).rest();
    sarai::fuzz::check(text);
    if (const auto read = sarai::router::read_examples(text, "f.jsonl"); !read)
        sarai::fuzz::require_plain(read.error(), "the refusal of training data");
    return 0;
}
