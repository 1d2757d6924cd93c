#include "speech/voices.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "protocols/json.hpp"

namespace sarai::speech {
namespace {

constexpr std::array<std::string_view, 4> own{"es", "es-419", "en-us", "en-gb"};

// Those of OpenAI that sound like women have espeak-ng's variants f1 to f5, the others m1 to m8.
struct Variant {
    std::string_view name, variant;
};
constexpr std::array<Variant, 13> variants{{{"alloy", "f1"},
                                            {"ash", "m1"},
                                            {"ballad", "m2"},
                                            {"cedar", "m8"},
                                            {"coral", "f2"},
                                            {"echo", "m3"},
                                            {"fable", "m4"},
                                            {"marin", "f5"},
                                            {"nova", "f3"},
                                            {"onyx", "m7"},
                                            {"sage", "f4"},
                                            {"shimmer", "f5"},
                                            {"verse", "m5"}}};

// Who speaks a language, where several do: the usual one if it is among them.
std::string_view speaker_of(std::string_view language, std::string_view usual) {
    if (usual.starts_with(language) || (language != "es" && language != "en")) return usual;
    return language == "es" ? "es" : "en-us";
}

}  // namespace

bool is_own_voice(std::string_view name) { return std::ranges::contains(own, name); }
std::vector<std::string_view> own_voices() { return {own.begin(), own.end()}; }

Result<std::string> find_voice(std::string_view name, std::string_view language, std::string_view usual) {
    if (is_own_voice(name)) return std::string(name);
    const auto speaker = speaker_of(language, usual);
    if (name.empty()) return std::string(speaker);
    if (const auto found = std::ranges::find(variants, name, &Variant::name); found != variants.end())
        return fmt::format("{}+{}", speaker, found->variant);
    std::vector<std::string_view> names(own.begin(), own.end());
    for (const auto& variant : variants) names.push_back(variant.name);
    return fail_field("voice", fmt::format("'voice' is \"{}\"; expected one of {}", protocols::excerpt(name, 60),
                                           fmt::join(names, ", ")));
}

}  // namespace sarai::speech
