#include "web/question.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"
#include "knowledge/words.hpp"

namespace sarai::web {
namespace {

constexpr std::size_t most_bytes = 400;

// As knowledge::words_of() gives them, in lower case. Words that are as often about something else ("current" in a
// wire, "tiempo" that passes) cost no more than an earlier search again.
constexpr std::array<std::string_view, 46> now_words{
    "today",       "tonight",    "now",      "current",    "currently", "latest",     "newest",     "news",
    "breaking",    "yesterday",  "tomorrow", "weather",    "forecast",  "price",      "prices",     "stock",
    "score",       "live",       "recent",   "recently",   "hoy",       "ahora",      "actual",     "actualidad",
    "actualmente", "último",     "última",   "últimos",    "últimas",   "noticia",    "noticias",   "ayer",
    "mañana",      "tiempo",     "clima",    "pronóstico", "precio",    "precios",    "cotización", "bolsa",
    "resultado",   "resultados", "directo",  "reciente",   "recientes", "temperatura"};

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
    return out;
}

}  // namespace

std::string tidy(std::string_view question) {
    std::string line;
    for (const char c : question) {
        const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
        if (!blank)
            line += c;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    }
    line.resize(utf8_floor(line, most_bytes));
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

std::string cache_key(std::string_view question) { return lower(tidy(question)); }

bool is_about_now(std::string_view question, int year) {
    const auto this_year = std::to_string(year);
    return std::ranges::any_of(knowledge::words_of(question), [&](const auto& word) {
        return word == this_year || std::ranges::contains(now_words, std::string_view(lower(word)));
    });
}

}  // namespace sarai::web
