#include "web/excerpt.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "knowledge/chunk.hpp"
#include "knowledge/extract.hpp"
#include "knowledge/words.hpp"
#include "protocols/json.hpp"

namespace sarai::web {
namespace {

std::string folded(std::string_view word) {
    std::string out(word);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
    return out;
}

std::set<std::string> words_in(std::string_view text) {
    std::set<std::string> words;
    const auto plain = knowledge::only_words(text);
    for (std::size_t at = 0; at < plain.size();) {
        const auto end = std::min(plain.find(' ', at), plain.size());
        if (end > at) words.insert(folded(std::string_view(plain).substr(at, end - at)));
        at = end + 1;
    }
    return words;
}

}  // namespace

Result<PageText> read_page(std::string_view content_type, std::string_view bytes) {
    using knowledge::Format;
    auto format = Format::text;
    if (content_type == "text/html" || content_type == "application/xhtml+xml" || content_type.empty())
        format = Format::html;
    else if (content_type == "text/markdown")
        format = Format::markdown;
    else if (!content_type.starts_with("text/"))
        return fail(Code::unsupported,
                    fmt::format("it is {}, expected HTML or text", protocols::excerpt(content_type, 60)));
    auto document = knowledge::extract_text(format, bytes);
    if (!document) return std::unexpected(document.error());
    return PageText{.title = std::move(document->title), .text = std::move(document->text)};
}

std::string best_passages(std::string_view text, std::string_view question, std::size_t most) {
    const auto passages = knowledge::cut_into_chunks(
        {.format = knowledge::Format::markdown, .text = std::string(text), .marks = {}}, {.most = 800, .overlap = 0});
    const auto asked = knowledge::words_of(question);
    std::vector<double> score(passages.size());
    std::vector<std::set<std::string>> words;
    words.reserve(passages.size());
    for (const auto& passage : passages) words.push_back(words_in(passage.heading + " " + passage.text));
    for (const auto& word : asked) {
        const auto key = folded(word);
        const auto having = std::ranges::count_if(words, [&](const auto& all) { return all.contains(key); });
        if (having == 0) continue;
        const auto weight = std::log(1 + static_cast<double>(passages.size()) / static_cast<double>(having));
        for (std::size_t i = 0; i < words.size(); ++i) score[i] += words[i].contains(key) ? weight : 0;
    }
    std::vector<std::size_t> order(passages.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater{}, [&](auto i) { return score[i]; });
    std::vector<std::size_t> taken;
    std::size_t size = 0;
    for (const auto i : order) {
        const bool says_something = score[i] > 0 || score[order.front()] <= 0;
        if (!says_something || size + passages[i].text.size() + 2 > most) continue;
        size += passages[i].text.size() + 2;
        taken.push_back(i);
    }
    std::ranges::sort(taken);
    std::string out;
    for (const auto i : taken) out += (out.empty() ? "" : "\n\n") + passages[i].text;
    return out;
}

}  // namespace sarai::web
