#include <algorithm>

#include "router/classifier.hpp"

namespace sarai::router {

std::string_view name_of(Label label) {
    switch (label) {
        case Label::hard: return "hard";
        case Label::soft: return "soft";
        case Label::web_query: return "web_query";
    }
    return "hard";
}

std::optional<Label> label_named(std::string_view name) {
    const auto* found = std::ranges::find(all_labels, name, [](Label label) { return name_of(label); });
    if (found == all_labels.end()) return std::nullopt;
    return *found;
}

std::string_view name_of(Language language) {
    switch (language) {
        case Language::other: break;
        case Language::es: return "es";
        case Language::en: return "en";
    }
    return "other";
}

std::string_view name_of(Size size) { return size == Size::mini ? "trm-mini" : "trm-router"; }

float Scores::of(Label label) const {
    switch (label) {
        case Label::hard: return hard;
        case Label::soft: return soft;
        case Label::web_query: return web_query;
    }
    return 0;
}

Label Scores::best() const {
    return *std::ranges::max_element(all_labels, {}, [this](Label label) { return of(label); });
}

}  // namespace sarai::router
