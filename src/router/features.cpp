#include "router/features.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

namespace sarai::router {
namespace {

constexpr std::size_t edge_tokens = 6;

// FNV-1a with a finish that spreads it over all bits; `salt` keeps words apart from letters that read the same.
class Hash {
public:
    explicit Hash(std::uint32_t salt) { add(static_cast<unsigned char>(salt)); }
    void add(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3U; }
    void add(std::string_view text) {
        for (const char c : text) add(static_cast<unsigned char>(c));
    }
    [[nodiscard]] std::uint32_t value() const {
        auto z = value_;
        z = (z ^ (z >> 33U)) * 0xff51afd7ed558ccdU;
        z ^= z >> 33U;
        const auto folded = static_cast<std::uint32_t>(z);
        return folded == 0 ? 1 : folded;
    }

private:
    std::uint64_t value_ = 0xcbf29ce484222325U;
};

std::uint32_t hash_of(std::uint32_t salt, std::string_view a, std::string_view b = {}) {
    Hash hash(salt);
    hash.add(a);
    if (!b.empty()) {
        hash.add(0xff);  // in no UTF-8
        hash.add(b);
    }
    return hash.value();
}

enum Salt : std::uint8_t { salt_word, salt_pair, salt_gap, salt_letters, salt_build };

class Collector {
public:
    explicit Collector(const std::vector<Token>& tokens) : tokens_(tokens) {}

    std::vector<Feature> run() {
        out_.reserve(tokens_.size() * 16);
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            const auto& token = tokens_[i];
            const bool lexical = token.kind == TokenKind::word || token.kind == TokenKind::foreign;
            const auto word = hash_of(salt_word, token.text);
            add(word, Slot::words, lexical);
            const bool leads = i < edge_tokens;
            const bool trails = i + edge_tokens >= tokens_.size();
            if (leads) add(word, Slot::first);
            if (trails) add(word, Slot::last);
            if (i > 0) {
                const auto pair = hash_of(salt_pair, tokens_[i - 1].text, token.text);
                add(pair, Slot::order);
                if (leads) add(pair, Slot::first);
                if (trails && i + edge_tokens > tokens_.size()) add(pair, Slot::last);
            }
            if (i > 1) add(hash_of(salt_gap, tokens_[i - 2].text, token.text), Slot::order);
            if (lexical) letters(token);
        }
        if (!tokens_.empty()) build();
        return std::move(out_);
    }

private:
    void add(std::uint32_t hash, Slot slot, bool lexical = false) {
        out_.push_back({.hash = hash, .slot = slot, .lexical = lexical});
    }
    void add_build(std::string_view what) { add(hash_of(salt_build, what), Slot::build); }

    // Three to five letters in a row, the word's ends among them. An ñ counts as n here, since many keyboards have
    // none; the word itself keeps it.
    void letters(const Token& token) {
        std::string plain = "<";
        std::array<std::size_t, max_letters + 3> starts{0};
        std::size_t count = 1;
        const std::string_view text = token.text;
        for (std::size_t at = 0; at < text.size() && count <= max_letters;) {
            starts[count++] = plain.size();
            const auto first = static_cast<unsigned char>(text[at]);
            const std::size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
            if (text.substr(at, 2) == "\u00f1")
                plain += 'n';
            else
                plain += text.substr(at, size);
            at += size;
        }
        starts[count++] = plain.size();
        plain += '>';
        starts[count] = plain.size();
        for (std::size_t from = 0; from < count; ++from) {
            for (std::size_t length = 3; length <= 5 && from + length <= count; ++length) {
                const auto end = starts[from + length];
                add(hash_of(salt_letters, std::string_view(plain).substr(starts[from], end - starts[from])),
                    Slot::letters, true);
            }
        }
    }

    // How long, how many lines, what it ends with, how much of it is code, numbers, emoji.
    void build() {
        const auto log_class = [](std::size_t n) { return std::to_string(std::bit_width(n)); };
        std::size_t words = 0, code = 0, numbers = 0, lines = 0, emoji = 0, questions = 0, exclaims = 0, opened = 0;
        for (const auto& token : tokens_) {
            words += token.kind == TokenKind::word ? 1U : 0U;
            numbers += token.kind == TokenKind::number ? 1U : 0U;
            lines += token.kind == TokenKind::line_end ? 1U : 0U;
            emoji += token.kind == TokenKind::emoji ? 1U : 0U;
            if (token.kind == TokenKind::identifier || token.kind == TokenKind::path) ++code;
            if (token.kind != TokenKind::sign) continue;
            if (token.text == "?" || token.text == "??" || token.text == "?!") ++questions;
            if (token.text == "!" || token.text == "!!") ++exclaims;
            if (token.text == "\u00bf" || token.text == "\u00a1") ++opened;
            static constexpr std::string_view coding = "{}()[];=<>`|&*#$%^\\_";
            if (token.text.size() > 1 ? token.text != "..." && token.text != "??" && token.text != "!!" &&
                                            static_cast<unsigned char>(token.text[0]) < 0x80
                                      : coding.contains(token.text))
                ++code;
        }
        add_build("words" + log_class(words));
        add_build("tokens" + log_class(tokens_.size()));
        add_build("lines" + log_class(lines));
        add_build("code" + log_class(code));
        add_build("numbers" + log_class(numbers));
        add_build("emoji" + log_class(emoji));
        add_build("questions" + log_class(questions));
        add_build("exclaims" + log_class(exclaims));
        add_build(opened > 0 ? "opened" : "unopened");
        const auto& last = tokens_.back();
        add_build("ends:" + (last.kind == TokenKind::word ? std::string("word") : last.text));
        add_build("starts:" + std::to_string(static_cast<int>(tokens_.front().kind)));
    }

    static constexpr std::size_t max_letters = 40;  // longer words are none
    const std::vector<Token>& tokens_;
    std::vector<Feature> out_;
};

// Where a character begins, at or after `at`.
std::size_t boundary(std::string_view text, std::size_t at) {
    for (int i = 0; i < 3 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80; ++i) ++at;
    return at;
}

}  // namespace

std::string_view leading_part(std::string_view text) {
    if (text.size() <= most_leading_bytes + most_trailing_bytes) return text;
    return text.substr(0, boundary(text, most_leading_bytes));
}

std::string_view trailing_part(std::string_view text) {
    if (text.size() <= most_leading_bytes + most_trailing_bytes) return {};
    return text.substr(boundary(text, text.size() - most_trailing_bytes));
}

std::vector<Feature> features_of(std::string_view text) {
    auto tokens = tokens_of(leading_part(text));
    for (auto& token : tokens_of(trailing_part(text))) tokens.push_back(std::move(token));
    return Collector(tokens).run();
}

}  // namespace sarai::router
