#include "router/augment.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace sarai::router {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Two neighbours swapped, a letter lost, doubled, or one for another. Only between ASCII letters, so that it stays
// UTF-8; what has accents loses nothing by it, since those are folded.
void mistype(std::string& text, Random& random) {
    for (int attempt = 0; attempt < 8 && text.size() > 4; ++attempt) {
        const auto at = 1 + random.below(text.size() - 2);
        if (!is_letter(text[at - 1]) || !is_letter(text[at]) || !is_letter(text[at + 1])) continue;
        switch (random.below(4)) {
            case 0: std::swap(text[at], text[at + 1]); break;
            case 1: text.erase(at, 1); break;
            case 2: text.insert(at, 1, text[at]); break;
            default: text[at] = static_cast<char>('a' + random.below(26)); break;
        }
        return;
    }
}

void drop_signs(std::string& text, Random& random) {
    for (const std::string_view opening : {"\u00bf", "\u00a1"})
        for (std::size_t at = 0; (at = text.find(opening, at)) != std::string::npos;) text.erase(at, opening.size());
    if (random.chance(0.6F) && text.size() > 1 && (text.ends_with('?') || text.ends_with('.') || text.ends_with('!')))
        text.pop_back();
}

std::string lose_words(std::string_view text, float rate, Random& random) {
    std::string kept;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find_first_of(" \n", at), text.size());
        const auto next = std::min(end + 1, text.size());
        if (!random.chance(rate)) kept += text.substr(at, next - at);
        at = next;
    }
    return kept.find_first_not_of(" \n") == std::string::npos ? std::string(text) : kept;
}

std::string_view opener(Language language, Random& random) {
    static constexpr std::array spanish{
        "Hola, ",      "hola! ",     "Buenas, ", "buenos días. ",      "Oye, ", "Perdona, ",
        "por favor, ", "una duda: ", "a ver, ",  "Hola, ¿me ayudas? ", "Che, ", "Buenas tardes, una consulta: ",
        "disculpa, ",  "ey "};
    static constexpr std::array english{"Hi, ",           "hello! ",
                                        "Hey, ",          "hey there, ",
                                        "please ",        "quick question: ",
                                        "ok so ",         "Sorry to bother you, ",
                                        "Good morning. ", "so, ",
                                        "can you help? ", "hi there - ",
                                        "umm ",           "Hello assistant, "};
    return language == Language::es ? spanish[random.below(spanish.size())] : english[random.below(english.size())];
}

// The feelings come first, what is asked decides.
void join(Example& example, std::span<const Example> others, Random& random) {
    if (example.label == Label::soft || example.text.size() > 400) return;
    for (int attempt = 0; attempt < 12; ++attempt) {
        const auto& other = others[random.below(others.size())];
        if (other.label != Label::soft || other.language != example.language || !other.also.empty() ||
            other.text.size() > 120 || other.text.ends_with('?'))
            continue;
        const bool ends = other.text.ends_with('.') || other.text.ends_with('!');
        example.text = other.text + (ends ? " " : ". ") + example.text;
        if (!std::ranges::contains(example.also, Label::soft)) example.also.push_back(Label::soft);
        return;
    }
}

}  // namespace

Example augment(const Example& example, std::span<const Example> others, const Augmentation& rates, Random& random) {
    auto made = example;
    if (random.chance(rates.joined)) join(made, others, random);
    if (random.chance(rates.opener)) made.text = std::string(opener(made.language, random)) + made.text;
    if (random.chance(rates.no_signs)) drop_signs(made.text, random);
    if (made.text.size() > 24) made.text = lose_words(made.text, rates.lost_word, random);
    for (int i = 0; i < 3 && random.chance(rates.typo); ++i) mistype(made.text, random);
    return made;
}

}  // namespace sarai::router
