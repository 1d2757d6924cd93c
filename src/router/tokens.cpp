#include "router/tokens.hpp"

#include <algorithm>
#include <array>

#include "router/fold.hpp"

namespace sarai::router {
namespace {

void append(std::string& out, char32_t code) {
    const auto byte = [&](char32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) {
        byte(0xc0U | (code >> 6U));
    } else {
        if (code < 0x10000) {
            byte(0xe0U | (code >> 12U));
        } else {
            byte(0xf0U | (code >> 18U));
            byte(0x80U | ((code >> 12U) & 0x3fU));
        }
        byte(0x80U | ((code >> 6U) & 0x3fU));
    }
    byte(0x80U | (code & 0x3fU));
}

bool is_apostrophe(char32_t code) {
    return code == U'\'' || code == U'\u2019' || code == U'\u02bc' || code == U'\u00b4';
}

// Digits alone say how many, and whether it may be a year: of the past, or one whose news nobody could learn.
std::string number_class(std::string_view digits) {
    if (digits.size() == 4) {
        if (digits >= "1000" && digits < "2015") return "<past>";
        if (digits >= "2015" && digits < "2040") return "<recent>";
    }
    return "<n" + std::to_string(std::min<std::size_t>(digits.size(), 5)) + ">";
}

class Cutter {
public:
    explicit Cutter(std::string_view text) : text_(text) {}

    std::vector<Token> run() {
        while (at_ < text_.size()) {
            const auto next = read_character(text_.substr(at_));
            switch (next.kind) {
                case Kind::letter:
                case Kind::digit: word(); break;
                case Kind::foreign: foreign(); break;
                case Kind::emoji: single(TokenKind::emoji, next); break;
                case Kind::line_end: line_end(); break;
                case Kind::sign: sign(next); break;
                case Kind::blank:
                case Kind::mark: at_ += next.size; break;
                case Kind::invalid: foreign(); break;
            }
        }
        return std::move(tokens_);
    }

private:
    Token& add(TokenKind kind, std::string text, std::size_t from) {
        return tokens_.emplace_back(Token{.kind = kind, .text = std::move(text), .at = from, .size = at_ - from});
    }
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }

    void single(TokenKind kind, const Character& character) {
        const auto from = at_;
        at_ += character.size;
        std::string text;
        append(text, character.code);
        add(kind, std::move(text), from);
    }

    // Up to the next blank: what stands in an address says little, and is of no language.
    bool whole(TokenKind kind, std::string_view name, std::size_t from) {
        while (at_ < text_.size()) {
            const auto next = read_character(text_.substr(at_));
            if (next.kind == Kind::blank || next.kind == Kind::line_end || next.code == U'`' || next.code == U'"')
                break;
            at_ += next.size;
        }
        add(kind, std::string(name), from);
        return true;
    }

    // Letters and digits, with what may stand within: "don't", "snake_case", "std::move" (two words), "v2.1".
    void word() {
        const auto from = at_;
        std::string folded;
        std::size_t letters = 0, digits = 0, humps = 0, joints = 0;
        bool last_lower = false;
        while (at_ < text_.size()) {
            const auto next = read_character(text_.substr(at_));
            if (next.kind == Kind::letter) {
                humps += next.upper && last_lower ? 1U : 0U;
                last_lower = !next.upper;
                ++letters;
                append(folded, next.code);
            } else if (next.kind == Kind::digit) {
                ++digits;
                append(folded, next.code);
            } else if (next.kind == Kind::mark) {  // U+0303 makes an ñ of the n before it
                if (next.code == 0x303 && folded.ends_with('n')) folded.replace(folded.size() - 1, 1, "\u00f1");
            } else if (next.code == U'_') {
                ++joints;
                folded += '_';
            } else if (!is_apostrophe(next.code) || letters == 0 || !letter_follows(next.size)) {
                break;
            }
            at_ += next.size;
        }
        if (looks_like_address(folded, from)) return;
        if (letters == 0) return number(folded, from);
        const bool call = peek() == '(' && letters > 1;
        const bool code = joints > 0 || (humps > 0 && letters > 3) || call;
        if (code) add(TokenKind::identifier, "<id>", from);
        for (std::size_t begin = 0; begin < folded.size();) {  // snake_case in its parts
            const auto end = std::min(folded.find('_', begin), folded.size());
            if (end > begin) add(TokenKind::word, folded.substr(begin, end - begin), from);
            begin = end + 1;
        }
        if (digits > 0 && peek() == '.' && is_digit(peek(1))) version(from);
    }
    [[nodiscard]] static bool is_digit(char c) { return c >= '0' && c <= '9'; }
    [[nodiscard]] bool letter_follows(std::size_t after) const {
        return at_ + after < text_.size() && read_character(text_.substr(at_ + after)).kind == Kind::letter;
    }

    bool looks_like_address(std::string_view folded, std::size_t from) {
        const auto rest = text_.substr(at_);
        if ((folded == "http" || folded == "https" || folded == "ftp") && rest.starts_with("://"))
            return whole(TokenKind::address, "<url>", from);
        if (folded == "www" && rest.starts_with(".")) return whole(TokenKind::address, "<url>", from);
        if (rest.starts_with("@") && rest.size() > 1 && read_character(rest.substr(1)).kind == Kind::letter)
            return whole(TokenKind::address, "<mail>", from);
        if (rest.starts_with(":\\")) return whole(TokenKind::path, "<path>", from);
        static constexpr std::array endings{"com",  "org",  "net",  "io",  "es",   "mx", "ar",  "co",  "cl",
                                            "uk",   "dev",  "py",   "cpp", "hpp",  "js", "ts",  "rs",  "go",
                                            "java", "json", "yaml", "yml", "txt",  "sh", "sql", "csv", "html",
                                            "css",  "log",  "md",   "xml", "toml", "pdf"};
        if (!rest.starts_with(".") || folded.empty()) return false;
        std::size_t end = 1;
        while (end < rest.size() && rest[end] >= 'a' && rest[end] <= 'z') ++end;
        const auto ending = rest.substr(1, end - 1);
        const auto known = std::ranges::find(endings, ending);
        if (known == endings.end()) return false;
        if (end < rest.size() && read_character(rest.substr(end)).kind == Kind::letter) return false;
        const bool site = known - endings.begin() < 11;
        at_ += end;
        add(site ? TokenKind::address : TokenKind::path, site ? "<site>" : "<file>", from);
        add(TokenKind::word, std::string(folded), from);
        add(TokenKind::word, std::string(ending), from);
        return true;
    }

    void number(std::string folded, std::size_t from) {
        bool fraction = false, clock = false;
        while ((peek() == '.' || peek() == ',' || peek() == ':') && is_digit(peek(1))) {
            clock = clock || peek() == ':';
            fraction = true;
            ++at_;
            while (is_digit(peek())) ++at_;
        }
        folded = clock ? "<time>" : fraction ? "<fraction>" : number_class(folded);
        add(TokenKind::number, std::move(folded), from);
    }
    void version(std::size_t from) {
        while (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) ++at_;
        add(TokenKind::number, "<version>", from);
    }

    void foreign() {
        const auto from = at_;
        std::string folded;
        while (at_ < text_.size()) {
            const auto next = read_character(text_.substr(at_));
            if (next.kind != Kind::foreign && next.kind != Kind::mark && next.kind != Kind::invalid) break;
            append(folded, next.kind == Kind::invalid ? 0xfffd : next.code);
            at_ += next.size;
        }
        add(TokenKind::foreign, std::move(folded), from);
    }

    void line_end() {
        const auto from = at_;
        std::size_t lines = 0;
        while (at_ < text_.size()) {
            const auto next = read_character(text_.substr(at_));
            if (next.kind != Kind::line_end && next.kind != Kind::blank) break;
            lines += next.kind == Kind::line_end ? 1U : 0U;
            at_ += next.size;
        }
        add(TokenKind::line_end, lines > 1 ? "<paragraph>" : "<line>", from);
    }

    void sign(const Character& first) {
        const auto from = at_;
        const auto rest = text_.substr(at_);
        if (first.code == U'/' || first.code == U'~' || rest.starts_with("./")) {  // "/usr/lib", "~/x", not "and/or"
            const bool starts = at_ == 0 || text_[at_ - 1] == ' ' || text_[at_ - 1] == '\n' || text_[at_ - 1] == '`' ||
                                text_[at_ - 1] == '"';
            const char next = peek(1);
            if (starts && (next == '/' || next == '.' || next == '_' || (next >= 'a' && next <= 'z') ||
                           (next >= 'A' && next <= 'Z'))) {
                whole(TokenKind::path, "<path>", from);
                return;
            }
        }
        static constexpr std::array operators{
            "```", "===", "!==", "...", "<<<", ">>>", "==", "!=", "<=", ">=", "->", "=>",
            "::",  "&&",  "||",  "++",  "--",  "+=",  "<<", ">>", "//", "/*", "*/", "();",
            "()",  "{}",  "[]",  "</",  ":)",  ":(",  ":D", ";)", "<3", "??", "!!", "?!"};
        for (const std::string_view known : operators) {
            if (!rest.starts_with(known)) continue;
            at_ += known.size();
            while (known.size() > 1 && peek() == known.back() &&
                   (known == "..." || known == "??" || known == "!!" || known == "--" || known == "=="))
                ++at_;
            add(TokenKind::sign, std::string(known), from);
            return;
        }
        single(TokenKind::sign, first);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view text) { return Cutter(text).run(); }

}  // namespace sarai::router
