#include "knowledge/html.hpp"

#include <lexbor/html/tokenizer.h>
#include <lexbor/tag/const.h>

#include <algorithm>
#include <memory>

#include "base/utf8.hpp"

namespace sarai::knowledge {

namespace {

constexpr std::size_t longest_title = 200;  // bytes

enum class Role : std::uint8_t { inline_, block, heading, item, cell, line_break, preformatted, title, hidden, raw };

Role role_of(lxb_tag_id_t tag) {
    switch (tag) {
        case LXB_TAG_H1:
        case LXB_TAG_H2:
        case LXB_TAG_H3:
        case LXB_TAG_H4:
        case LXB_TAG_H5:
        case LXB_TAG_H6: return Role::heading;
        case LXB_TAG_LI:
        case LXB_TAG_DT:
        case LXB_TAG_DD: return Role::item;
        case LXB_TAG_TD:
        case LXB_TAG_TH: return Role::cell;
        case LXB_TAG_BR:
        case LXB_TAG_TR: return Role::line_break;
        case LXB_TAG_PRE:
        case LXB_TAG_LISTING:
        case LXB_TAG_XMP: return Role::preformatted;
        case LXB_TAG_TITLE: return Role::title;
        case LXB_TAG_SVG:
        case LXB_TAG_TEMPLATE: return Role::hidden;
        case LXB_TAG_SCRIPT:
        case LXB_TAG_STYLE:
        case LXB_TAG_IFRAME:
        case LXB_TAG_NOEMBED:
        case LXB_TAG_NOFRAMES: return Role::raw;
        case LXB_TAG_A:
        case LXB_TAG_ABBR:
        case LXB_TAG_B:
        case LXB_TAG_BDI:
        case LXB_TAG_BDO:
        case LXB_TAG_CITE:
        case LXB_TAG_CODE:
        case LXB_TAG_DATA:
        case LXB_TAG_DEL:
        case LXB_TAG_DFN:
        case LXB_TAG_EM:
        case LXB_TAG_FONT:
        case LXB_TAG_I:
        case LXB_TAG_IMG:
        case LXB_TAG_INPUT:
        case LXB_TAG_INS:
        case LXB_TAG_KBD:
        case LXB_TAG_LABEL:
        case LXB_TAG_MARK:
        case LXB_TAG_Q:
        case LXB_TAG_RP:
        case LXB_TAG_RT:
        case LXB_TAG_RUBY:
        case LXB_TAG_S:
        case LXB_TAG_SAMP:
        case LXB_TAG_SMALL:
        case LXB_TAG_SPAN:
        case LXB_TAG_STRIKE:
        case LXB_TAG_STRONG:
        case LXB_TAG_SUB:
        case LXB_TAG_SUP:
        case LXB_TAG_TIME:
        case LXB_TAG_TT:
        case LXB_TAG_U:
        case LXB_TAG_VAR:
        case LXB_TAG_WBR: return Role::inline_;
        default: return tag >= LXB_TAG__LAST_ENTRY ? Role::inline_ : Role::block;  // unknown ones are inline
    }
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

class Writer {
public:
    explicit Writer(std::string_view html) : html_(html) {}

    void take(const lxb_html_token_t& token) {
        move_to(reinterpret_cast<const char*>(token.begin));
        if (token.tag_id == LXB_TAG__TEXT) {
            text({reinterpret_cast<const char*>(token.text_start),
                  static_cast<std::size_t>(token.text_end - token.text_start)});
        } else if (token.tag_id > LXB_TAG__EM_DOCTYPE) {  // no end of file, comment, document type
            const bool closes = (token.type & LXB_HTML_TOKEN_TYPE_CLOSE) != 0;
            element(token.tag_id, closes, (token.type & LXB_HTML_TOKEN_TYPE_CLOSE_SELF) != 0);
        }
    }

    Document finish() {
        if (preformatted_) end_preformatted();
        auto& text = document_.text;
        while (!text.empty() && is_blank(text.back())) text.pop_back();
        document_.text = valid_utf8(text);  // a reference such as &#xD800; may name no character
        if (document_.text.size() != text.size()) document_.marks.clear();
        document_.title = valid_utf8(document_.title.substr(0, document_.title.find_last_not_of(' ') + 1));
        document_.format = Format::html;
        return std::move(document_);
    }

private:
    // Counts lines up to where a token begins. One that lies elsewhere (the tokenizer's own buffer) moves nothing.
    void move_to(const char* begin) {
        const char* const end = html_.data() + html_.size();
        if (begin < html_.data() + at_ || begin > end) return;
        const auto to = static_cast<std::size_t>(begin - html_.data());
        line_ += static_cast<std::uint32_t>(std::ranges::count(html_.substr(at_, to - at_), '\n'));
        at_ = to;
    }

    void element(lxb_tag_id_t tag, bool closes, bool closes_itself) {
        const auto role = role_of(tag);
        if (role == Role::hidden && !closes_itself) {
            if (closes) {
                hidden_ -= hidden_ > 0 ? 1 : 0;
            } else {
                ++hidden_;
            }
        }
        if (role == Role::raw) raw_ = !closes;
        if (role == Role::title) in_title_ = !closes && document_.title.empty();
        if (hidden_ > 0) return;
        switch (role) {
            case Role::heading:
                break_lines(2);
                if (!closes) write(std::string(static_cast<std::size_t>(level_of(tag)), '#') + " ");
                break;
            case Role::item:
                break_lines(1);
                if (!closes && tag == LXB_TAG_LI) write("- ");
                break;
            case Role::cell:
                if (!closes && !at_line_start()) write(" | ");
                break;
            case Role::line_break: break_lines(1); break;
            case Role::preformatted:
                if (closes && preformatted_) end_preformatted();
                if (!closes && !preformatted_) {
                    break_lines(2);
                    write("```\n");
                    preformatted_ = true;
                }
                break;
            case Role::block: break_lines(2); break;
            case Role::inline_:
            case Role::title:
            case Role::hidden:
            case Role::raw: break;
        }
    }

    static int level_of(lxb_tag_id_t tag) {
        switch (tag) {
            case LXB_TAG_H1: return 1;
            case LXB_TAG_H2: return 2;
            case LXB_TAG_H3: return 3;
            case LXB_TAG_H4: return 4;
            case LXB_TAG_H5: return 5;
            default: return 6;
        }
    }

    void text(std::string_view text) {
        if (raw_ || hidden_ > 0) return;
        auto line = line_;
        for (const char c : text) {
            if (c == '\0' || c == '\r') continue;  // references can name them
            if (in_title_) {
                add_to_title(c);
            } else if (preformatted_) {
                if (c != '\n') mark(line);
                document_.text += c;
            } else if (is_blank(c)) {
                space_ = true;
            } else {
                if (space_ && !at_line_start() && document_.text.back() != ' ') document_.text += ' ';
                space_ = false;
                mark(line);
                document_.text += c;
            }
            line += c == '\n' ? 1 : 0;
        }
    }

    void add_to_title(char c) {
        auto& title = document_.title;
        if (title.size() >= longest_title) return;
        if (!is_blank(c)) {
            title += c;
        } else if (!title.empty() && title.back() != ' ') {
            title += ' ';
        }
    }

    void write(std::string_view signs) {
        mark(line_);
        document_.text += signs;
        space_ = false;
    }
    void end_preformatted() {
        if (!document_.text.ends_with('\n')) document_.text += '\n';
        document_.text += "```\n";
        preformatted_ = false;
    }
    [[nodiscard]] bool at_line_start() const { return document_.text.empty() || document_.text.back() == '\n'; }

    void break_lines(std::size_t count) {
        space_ = false;
        auto& text = document_.text;
        if (preformatted_ || text.empty()) return;
        while (text.ends_with(' ')) text.pop_back();
        std::size_t there = 0;
        while (there < count && there < text.size() && text[text.size() - 1 - there] == '\n') ++there;
        text.append(count - there, '\n');
    }

    void mark(std::uint32_t line) {
        auto& marks = document_.marks;
        if (marks.empty() ? line == 1 : marks.back().number == line) return;
        // Blanks that were taken back may leave a mark behind the end.
        const auto offset = static_cast<std::uint32_t>(document_.text.size());
        while (!marks.empty() && marks.back().offset >= offset) marks.pop_back();
        marks.push_back({offset, line});
    }

    std::string_view html_;
    std::size_t at_ = 0;
    std::uint32_t line_ = 1;
    int hidden_ = 0;
    bool raw_ = false;
    bool in_title_ = false;
    bool preformatted_ = false;
    bool space_ = false;  // to be written before the next word
    Document document_;
};

// What the tree builder would tell the tokenizer: that a script's text, a title's, … ends at its own end tag only.
lxb_html_token_t* on_token(lxb_html_tokenizer_t* tokenizer, lxb_html_token_t* token, void* writer) {
    static_cast<Writer*>(writer)->take(*token);
    if (token->tag_id > LXB_TAG__EM_DOCTYPE && (token->type & LXB_HTML_TOKEN_TYPE_CLOSE) == 0)
        lxb_html_tokenizer_set_state_by_tag(tokenizer, false, token->tag_id, LXB_NS_HTML);
    return token;
}

}  // namespace

Result<Document> read_html(std::string_view html) {
    const auto destroy = [](lxb_html_tokenizer_t* it) {
        lxb_html_tokenizer_tags_destroy(it);  // it does not do it for those that it was told to make
        lxb_html_tokenizer_destroy(it);
    };
    const std::unique_ptr<lxb_html_tokenizer_t, decltype(destroy)> tokenizer(lxb_html_tokenizer_create(), destroy);
    Writer writer(html);
    // Of lexbor's statuses only a lack of memory can happen: broken HTML is read as browsers read it.
    const auto is_ok = [](lxb_status_t status) { return status == LXB_STATUS_OK; };
    const auto failed = [] { return fail(Code::no_memory, "the HTML reader ran out of memory"); };
    if (!is_ok(lxb_html_tokenizer_init(tokenizer.get())) || !is_ok(lxb_html_tokenizer_tags_make(tokenizer.get(), 64)))
        return failed();
    lxb_html_tokenizer_callback_token_done_set(tokenizer.get(), on_token, &writer);
    if (!is_ok(lxb_html_tokenizer_begin(tokenizer.get())) ||
        !is_ok(
            lxb_html_tokenizer_chunk(tokenizer.get(), reinterpret_cast<const lxb_char_t*>(html.data()), html.size())) ||
        !is_ok(lxb_html_tokenizer_end(tokenizer.get())))
        return failed();
    return writer.finish();
}

}  // namespace sarai::knowledge
