// Temporary: keywords in the place of the network, so that what stands around it can be built and tried. The network's
// own files replace it.
#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "router/classifier.hpp"

namespace sarai::router {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 22> hard{
    "function", "función",   "segfault",  "derivative", "derivada", "prove",   "demuestra", "explain",
    "explica",  "python",    "c++",       "sql",        "integral", "teorema", "theorem",   "compiler",
    "deadlock", "algoritmo", "algorithm", "debug",      "kernel",   "recursi"};
constexpr std::array<std::string_view, 16> soft{"hello",  "hola",    "triste", "sad",    "lonely",    "solo",
                                                "thank",  "gracias", "gatito", "my cat", "mi abuela", "my grandmother",
                                                "abrazo", "hug",     "feel",   "siento"};
constexpr std::array<std::string_view, 14> web{"weather",
                                               "tiempo hará",
                                               "news",
                                               "noticias",
                                               "price of",
                                               "precio de",
                                               "today's",
                                               "headlines",
                                               "titulares",
                                               "score",
                                               "resultado del partido",
                                               "latest version",
                                               "última versión",
                                               "exchange rate"};
constexpr std::array<std::string_view, 12> spanish{" el ", " la ", " de ", " que ", " hoy", "¿",
                                                   "¡",    "ñ",    "ó",    "é",     "hola", "estoy"};

float count(std::string_view text, Words words) {
    const auto found = std::ranges::count_if(words, [&](std::string_view word) { return text.contains(word); });
    return found == 0 ? 0.05F : found == 1 ? 0.9F : 0.95F;
}

}  // namespace

std::string_view name_of(Label label) {
    switch (label) {
        case Label::hard: return "hard";
        case Label::soft: return "soft";
        case Label::web_query: return "web_query";
    }
    return "hard";
}

std::optional<Label> label_named(std::string_view name) {
    for (const auto label : all_labels)
        if (name_of(label) == name) return label;
    return std::nullopt;
}

std::string_view name_of(Language language) {
    return language == Language::es ? "es" : language == Language::en ? "en" : "other";
}

std::string_view name_of(Size size) { return size == Size::router ? "trm-router" : "trm-mini"; }

float Scores::of(Label label) const { return label == Label::hard ? hard : label == Label::soft ? soft : web_query; }

Label Scores::best() const {
    return *std::ranges::max_element(all_labels, {}, [this](Label label) { return of(label); });
}

struct Classifier::State {};

Classifier::Classifier(std::unique_ptr<State> state) : state_(std::move(state)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<Classifier> Classifier::open(const std::filesystem::path& gguf) {
    std::error_code ec;
    if (!std::filesystem::exists(gguf, ec)) return fail(Code::not_found, "there is no file " + gguf.string());
    return Classifier(std::make_unique<State>());
}

Result<Classifier> Classifier::built_in(Size /*size*/) { return Classifier(std::make_unique<State>()); }

Scores Classifier::score(std::string_view text) const {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
        return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c);
    });
    Scores scores{.hard = count(lower, hard), .soft = count(lower, soft), .web_query = count(lower, web)};
    scores.familiar = std::max({scores.hard, scores.soft, scores.web_query});
    scores.language = count(lower, spanish) > 0.5F ? Language::es : Language::en;
    return scores;
}

Bytes Classifier::memory() const { return {}; }
std::int64_t Classifier::parameters() const { return 0; }
float Classifier::familiar_enough() const { return 0.5F; }

}  // namespace sarai::router
