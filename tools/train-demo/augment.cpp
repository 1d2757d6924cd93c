#include "augment.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <sstream>
#include <string_view>
#include <vector>

namespace train_demo {
namespace {

using sarai::router::Random;

// How many questions of a hundred each is done to.
constexpr float bare = 0.35F, plain = 0.3F, lower = 0.35F, upper = 0.03F, slip = 0.15F, abridged = 0.35F,
                shaken = 0.08F;
constexpr float lost_word = 0.2F;  // of an abridged one's words
constexpr float before = 0.22F, after = 0.12F;

constexpr std::array<std::string_view, 26> before_en{"please, ",
                                                     "Please: ",
                                                     "hi, ",
                                                     "Hi! ",
                                                     "hello, ",
                                                     "Hello. ",
                                                     "hey, ",
                                                     "ok, ",
                                                     "so ",
                                                     "and ",
                                                     "I would like to know: ",
                                                     "can you tell me ",
                                                     "Could you tell me: ",
                                                     "tell me, ",
                                                     "quick question: ",
                                                     "I have a question. ",
                                                     "one more thing: ",
                                                     "sorry, ",
                                                     "excuse me, ",
                                                     "I wonder: ",
                                                     "Good morning, ",
                                                     "just curious, ",
                                                     "thanks. ",
                                                     "well, ",
                                                     "I want to know ",
                                                     "do you know "};
constexpr std::array<std::string_view, 9> after_en{" please",     ", please",       " thanks",
                                                   ", thank you", " in sarai",      " with sarai",
                                                   " here",       ", do you know?", " can you help?"};
constexpr std::array<std::string_view, 26> before_es{"por favor, ",
                                                     "Por favor: ",
                                                     "hola, ",
                                                     "¡Hola! ",
                                                     "Hola. ",
                                                     "buenas, ",
                                                     "oye, ",
                                                     "vale, ",
                                                     "y ",
                                                     "entonces ",
                                                     "me gustaría saber ",
                                                     "Quisiera saber: ",
                                                     "quiero saber ",
                                                     "dime, ",
                                                     "una pregunta: ",
                                                     "tengo una duda, ",
                                                     "otra cosa: ",
                                                     "perdona, ",
                                                     "disculpa, ",
                                                     "¿me puedes decir ",
                                                     "Buenos días, ",
                                                     "por curiosidad, ",
                                                     "gracias. ",
                                                     "bueno, ",
                                                     "a ver, ",
                                                     "¿sabes "};
constexpr std::array<std::string_view, 9> after_es{" por favor", ", por favor",  " gracias",
                                                   ", gracias",  " en sarai",    " con sarai",
                                                   " aquí",      ", ¿lo sabes?", " ¿me ayudas?"};

// Two-byte letters of Spanish, and what is typed for them in a hurry.
constexpr std::array<std::pair<std::string_view, char>, 12> accents{{{"á", 'a'},
                                                                     {"é", 'e'},
                                                                     {"í", 'i'},
                                                                     {"ó", 'o'},
                                                                     {"ú", 'u'},
                                                                     {"ü", 'u'},
                                                                     {"Á", 'A'},
                                                                     {"É", 'E'},
                                                                     {"Í", 'I'},
                                                                     {"Ó", 'O'},
                                                                     {"Ú", 'U'},
                                                                     {"Ü", 'U'}}};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_lower(c) || is_upper(c); }

// ASCII and the accents above; Ñ as well.
std::string in_case(std::string text, bool capital) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (capital ? is_lower(text[i]) : is_upper(text[i])) {
            text[i] = static_cast<char>(text[i] ^ 0x20);
        } else if (text[i] == '\xc3' && i + 1 < text.size()) {
            auto& second = text[++i];
            const auto byte = static_cast<unsigned char>(second);
            const bool is_capital = byte >= 0x80 && byte <= 0x9e && byte != 0x97;
            const bool is_small = byte >= 0xa0 && byte <= 0xbe && byte != 0xb7;
            if (capital ? is_small : is_capital) second = static_cast<char>(byte ^ 0x20U);
        }
    }
    return text;
}

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream in(text);
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

std::string_view pick(std::span<const std::string_view> of, Random& random) { return of[random.below(of.size())]; }

}  // namespace

std::string without_signs(const std::string& text) {
    std::string_view rest = text;
    for (const std::string_view sign : {"¿", "¡"})
        if (rest.starts_with(sign)) rest.remove_prefix(sign.size());
    while (!rest.empty() && std::string_view("?!.").contains(rest.back())) rest.remove_suffix(1);
    return rest.empty() ? text : std::string(rest);
}

std::string without_accents(const std::string& text) {
    std::string made;
    for (std::size_t i = 0; i < text.size();) {
        const auto accent =
            std::ranges::find(accents, std::string_view(text).substr(i, 2), &std::pair<std::string_view, char>::first);
        made += accent == accents.end() ? text[i] : accent->second;
        i += accent == accents.end() ? 1 : 2;
    }
    return made;
}

// Within a word's ASCII letters: two change places, one is lost, doubled or another.
std::string with_slip(const std::string& text, Random& random) {
    std::vector<std::size_t> places;
    for (std::size_t i = 1; i + 1 < text.size(); ++i)
        if (is_letter(text[i - 1]) && is_letter(text[i]) && is_letter(text[i + 1])) places.push_back(i);
    if (places.empty()) return text;
    auto made = text;
    const auto at = places[random.below(places.size())];
    switch (random.below(4)) {
        case 0: std::swap(made[at], made[at + 1]); break;
        case 1: made.erase(at, 1); break;
        case 2: made.insert(at, 1, made[at]); break;
        default: made[at] = static_cast<char>('a' + random.below(26)); break;
    }
    return made;
}

// Of three words and more each is left out with the same chance, but for two at least.
std::string without_words(const std::string& text, Random& random) {
    const auto words = words_of(text);
    if (words.size() < 3) return text;
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < words.size(); ++i)
        if (kept.size() + words.size() - i <= 2 || !random.chance(lost_word)) kept.push_back(words[i]);
    return joined(kept);
}

std::string reordered(const std::string& text, Random& random) {
    auto words = words_of(text);
    random.shuffle(words);
    return joined(words);
}

std::string vary(const std::string& question, Language language, Random& random) {
    auto text = question;
    const bool spanish = language == Language::es;
    if (random.chance(bare)) text = without_signs(text);
    if (random.chance(abridged)) text = without_words(text, random);
    if (random.chance(shaken)) text = reordered(text, random);
    if (random.chance(before))
        text = std::string(pick(spanish ? std::span<const std::string_view>(before_es) : before_en, random)) + text;
    if (random.chance(after))
        text = without_signs(text) +
               std::string(pick(spanish ? std::span<const std::string_view>(after_es) : after_en, random));
    if (spanish && random.chance(plain)) text = without_accents(text);
    if (random.chance(lower))
        text = in_case(text, false);
    else if (random.chance(upper))
        text = in_case(text, true);
    if (random.chance(slip)) text = with_slip(text, random);
    return text;
}

}  // namespace train_demo
