#include "knowledge/chunk.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "knowledge/blocks.hpp"

namespace sarai::knowledge {

namespace {

constexpr std::size_t least_size = 64;
constexpr std::size_t most_title = 80;  // bytes of one heading in a path
constexpr std::string_view spaces = " \t\n\f\v\r";

bool is_space(char c) { return spaces.contains(c); }

// The first place at or before `at` that lies between two characters.
std::size_t between_characters(std::string_view text, std::size_t at) {
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80) --at;
    return at;
}

bool ends_sentence(std::string_view text, std::size_t at) {  // a cut at `at`
    if (at < 2 || !is_space(text[at - 1])) return false;
    const char before = text[at - 2];
    return before == '.' || before == '!' || before == '?' || before == ':';
}

// Places to cut, best first.
enum class Seam : std::uint8_t { blank_line, sentence, line, word };

bool is_seam(std::string_view text, std::size_t at, Seam seam) {
    switch (seam) {
        case Seam::blank_line: return at >= 2 && text[at - 1] == '\n' && text[at - 2] == '\n';
        case Seam::sentence: return ends_sentence(text, at);
        case Seam::line: return text[at - 1] == '\n';
        case Seam::word: return is_space(text[at - 1]);
    }
    return false;
}

// Where to end a piece that begins at `begin`, which is more than `most` bytes before `end`: in its second half, so
// that the work is linear and pieces do not become crumbs.
std::size_t cut_before(std::string_view text, std::size_t begin, std::size_t most, BlockKind kind) {
    constexpr std::array prose{Seam::blank_line, Seam::sentence, Seam::line, Seam::word};
    constexpr std::array lines{Seam::blank_line, Seam::line, Seam::word, Seam::word};
    for (const auto seam : kind == BlockKind::lines ? lines : prose) {
        for (auto at = begin + most; at > begin + most / 2; --at) {
            if (is_seam(text, at, seam)) return at;
        }
    }
    const auto at = between_characters(text, begin + most);
    return at > begin ? at : begin + most;  // never without a step, even in what is no UTF-8
}

class Packer {
public:
    Packer(const Document& document, const ChunkSizes& sizes)
        : document_(document),
          text_(document.text),
          most_(std::max(sizes.most, least_size)),
          overlap_(std::min(sizes.overlap, most_ / 2)) {}

    std::vector<Chunk> pack() {
        for (const auto& block : blocks_of(text_, document_.format)) {
            if (block.kind == BlockKind::heading) {
                begin_section(block);
                continue;
            }
            add(block);
        }
        flush();
        return std::move(chunks_);
    }

private:
    // What stands under a heading does not share a passage with what stood above it, but for crumbs: a text that is all
    // headings must not become as many passages.
    void begin_section(const Block& block) {
        if (has_content_ && end_ - begin_ > most_ / 8) {
            flush();
            overlap_from_ = block.begin;
        }
        std::erase_if(titles_, [&](const Title& title) { return title.level >= block.level; });
        auto title = title_of(text_.substr(block.begin, block.end - block.begin));
        title = title.substr(0, between_characters(title, std::min(title.size(), most_title)));
        if (!title.empty()) titles_.push_back({block.level, title});
        add_pieces(block);
    }

    void add(const Block& block) {
        if (!has_content_) heading_ = path();
        add_pieces(block);
        has_content_ = true;
    }

    void add_pieces(const Block& block) {
        auto begin = block.begin;
        while (block.end - begin > most_) {
            // The first of several pieces may still fill up what is open; the others leave room for their overlap.
            const auto cut = cut_before(text_, begin, most_ - overlap_, block.kind);
            add_piece(begin, cut);
            begin = cut;
        }
        if (begin < block.end) add_piece(begin, block.end);
    }

    void add_piece(std::size_t begin, std::size_t end) {
        while (begin < end && text_[begin] == '\n') ++begin;
        while (end > begin && is_space(text_[end - 1])) --end;
        if (begin == end) return;
        if (open_ && end - begin_ > most_ - overlap_) {
            const bool content = has_content_;
            flush();
            has_content_ = content;
        }
        if (!open_) {
            open_ = true;
            begin_ = begin;
            heading_ = path();
        }
        end_ = end;
    }

    void flush() {
        if (!open_) return;
        const auto begin = with_overlap();
        chunks_.push_back({.text = std::string(text_.substr(begin, end_ - begin)),
                           .heading = std::move(heading_),
                           .begin = begin,
                           .end = end_,
                           .first = document_.number_at(begin),
                           .last = document_.number_at(end_ - 1)});
        overlap_from_ = begin_;
        open_ = has_content_ = false;
    }

    // The earliest beginning of a sentence or line, else of a word, among the bytes before that there is room for.
    [[nodiscard]] std::size_t with_overlap() const {
        const auto room =
            std::min({overlap_, most_ - std::min(most_, end_ - begin_), begin_ - std::min(begin_, overlap_from_)});
        if (chunks_.empty() || room == 0) return begin_;
        for (const auto seam : {Seam::sentence, Seam::line, Seam::word}) {
            for (auto at = std::max<std::size_t>(begin_ - room, 1); at < begin_; ++at) {
                if (is_seam(text_, at, seam) && !is_space(text_[at])) return at;
            }
        }
        return begin_;
    }

    [[nodiscard]] std::string path() const {
        std::string joined;
        for (const auto& title : titles_) joined.append(joined.empty() ? "" : " › ").append(title.text);
        return joined;
    }

    struct Title {
        int level = 0;
        std::string_view text;
    };

    const Document& document_;
    std::string_view text_;
    std::size_t most_;
    std::size_t overlap_;
    std::vector<Title> titles_;  // at most six: levels ascend
    std::vector<Chunk> chunks_;
    // The chunk that is being filled.
    bool open_ = false;
    bool has_content_ = false;  // more than headings
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::string heading_;
    std::size_t overlap_from_ = 0;  // what lies before this does not come again
};

}  // namespace

std::optional<std::pair<Chunk, Chunk>> halve(const Chunk& chunk, std::span<const Mark> marks) {
    if (chunk.text.size() < 2 * least_size) return std::nullopt;
    // A seam may be as far before the middle as this lies after it.
    const auto cut = cut_before(chunk.text, 0, chunk.text.size() * 2 / 3, BlockKind::prose);
    auto first = chunk, second = chunk;
    first.text.resize(cut);
    first.end = chunk.begin + cut;
    first.last = number_at(marks, first.end - 1);
    second.text.erase(0, cut);
    second.begin = first.end;
    second.first = number_at(marks, second.begin);
    return std::pair(std::move(first), std::move(second));
}

std::vector<Chunk> cut_into_chunks(const Document& document, const ChunkSizes& sizes) {
    return Packer(document, sizes).pack();
}

}  // namespace sarai::knowledge
