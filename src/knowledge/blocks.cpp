#include "knowledge/blocks.hpp"

#include <algorithm>
#include <optional>

namespace sarai::knowledge {

namespace {

constexpr std::string_view blanks = " \t\f\v\r";

struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;  // without the line end
};

bool is_blank(std::string_view line) { return line.find_first_not_of(blanks) == std::string_view::npos; }

// CommonMark allows up to three spaces before a mark.
std::string_view without_indent(std::string_view line) {
    const auto spaces = std::min(line.find_first_not_of(' '), line.size());
    return spaces <= 3 ? line.substr(spaces) : std::string_view{};
}

int heading_level(std::string_view line) {
    const auto marked = without_indent(line);
    const auto signs = std::min(marked.find_first_not_of('#'), marked.size());
    if (signs == 0 || signs > 6) return 0;
    return signs == marked.size() || blanks.contains(marked[signs]) ? static_cast<int>(signs) : 0;
}

// "===" or "---" below a line make a heading of it (setext).
int underline_level(std::string_view line) {
    auto marked = without_indent(line);
    marked = marked.substr(0, marked.find_last_not_of(blanks) + 1);
    if (marked.size() < 2) return 0;
    if (marked.find_first_not_of('=') == std::string_view::npos) return 1;
    return marked.find_first_not_of('-') == std::string_view::npos ? 2 : 0;
}

// Three or more ` or ~: what opens a fenced block, and closes one that was opened with no more of them.
std::string_view fence(std::string_view line) {
    const auto marked = without_indent(line);
    if (marked.empty() || (marked[0] != '`' && marked[0] != '~')) return {};
    const auto signs = std::min(marked.find_first_not_of(marked[0]), marked.size());
    return signs >= 3 ? marked.substr(0, signs) : std::string_view{};
}

bool is_list_item(std::string_view line) {
    const auto begin = line.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return false;
    const auto marked = line.substr(begin);
    if ((marked[0] == '-' || marked[0] == '*' || marked[0] == '+') && marked.size() > 1 && marked[1] == ' ')
        return true;
    const auto digits = std::min(marked.find_first_not_of("0123456789"), marked.size());
    return digits > 0 && digits <= 9 && marked.size() > digits + 1 &&
           (marked[digits] == '.' || marked[digits] == ')') && marked[digits + 1] == ' ';
}

// Behind a blank line, one that is not indented begins something new, unless it only closes what was before.
bool begins_definition(std::string_view line) {
    constexpr std::string_view closing = "})];";
    return !line.empty() && !blanks.contains(line[0]) && !closing.contains(line[0]);
}

class Reader {
public:
    Reader(std::string_view text, Format format) : text_(text), format_(format) {}

    std::vector<Block> read() {
        while (next_line()) {
            switch (format_) {
                case Format::markdown:
                case Format::html: markdown_line(); break;
                case Format::source: source_line(); break;
                case Format::text:
                case Format::pdf:
                    if (is_blank(line())) {
                        close();
                    } else {
                        extend(BlockKind::prose);
                    }
                    break;
            }
        }
        close();
        return std::move(blocks_);
    }

private:
    bool next_line() {
        if (at_ >= text_.size()) return false;
        const auto end = std::min(text_.find('\n', at_), text_.size());
        line_ = {at_, end};
        at_ = end + 1;
        return true;
    }
    [[nodiscard]] std::string_view line() const { return text_.substr(line_.begin, line_.end - line_.begin); }

    void close() {
        if (open_) blocks_.push_back(*open_);
        open_.reset();
    }
    void extend(BlockKind kind) {
        if (!open_) open_ = Block{.kind = kind, .begin = line_.begin};
        open_->end = line_.end;
    }

    void markdown_line() {
        if (!fence_.empty()) {
            extend(BlockKind::lines);
            const auto closing = fence(line());
            if (closing.size() >= fence_.size() && closing[0] == fence_[0] &&
                is_blank(line().substr(line().find_last_of(closing[0]) + 1))) {
                fence_ = {};
                close();
            }
            return;
        }
        if (is_blank(line())) return close();
        if (const auto opening = fence(line()); !opening.empty()) {
            close();
            fence_ = opening;
            return extend(BlockKind::lines);
        }
        if (const int level = heading_level(line()); level > 0) {
            close();
            blocks_.push_back({BlockKind::heading, level, line_.begin, line_.end});
            return;
        }
        // Only a paragraph of one line: of several, the last one would be torn off.
        if (const int level = underline_level(line());
            level > 0 && open_ && !text_.substr(open_->begin, open_->end - open_->begin).contains('\n')) {
            open_->kind = BlockKind::heading;
            open_->level = level;
            open_->end = line_.end;
            return close();
        }
        if (is_list_item(line())) close();
        extend(BlockKind::prose);
    }

    void source_line() {
        if (is_blank(line())) {
            after_blank_ = true;
            return;
        }
        if (after_blank_ && begins_definition(line())) close();
        after_blank_ = false;
        extend(BlockKind::lines);
    }

    std::string_view text_;
    Format format_;
    std::size_t at_ = 0;
    Line line_;
    std::optional<Block> open_;
    std::string_view fence_;  // that opened the block we are in
    bool after_blank_ = false;
    std::vector<Block> blocks_;
};

}  // namespace

std::vector<Block> blocks_of(std::string_view text, Format format) { return Reader(text, format).read(); }

std::string_view title_of(std::string_view heading) {
    heading = heading.substr(0, heading.find('\n'));  // the line below it, of a setext heading
    const auto marks = heading_level(heading) > 0 ? std::string_view(" \t#") : std::string_view(" \t");
    const auto begin = heading.find_first_not_of(marks);
    if (begin == std::string_view::npos) return {};
    return heading.substr(begin, heading.find_last_not_of(marks) + 1 - begin);
}

}  // namespace sarai::knowledge
