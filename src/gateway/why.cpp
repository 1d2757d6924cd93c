#include "gateway/why.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>

namespace sarai::gateway {
namespace {

namespace json = boost::json;

json::object decision_json(const Shared& shared, const pool::Decision& decision) {
    json::array options;
    for (const auto& option : decision.options) {
        json::object one{{"what", option.what},
                         {"needs_bytes", option.needs.count},
                         {"cost_ms", option.cost.count()},
                         {"possible", option.possible}};
        if (!option.note.empty()) one["note"] = option.note;
        options.push_back(std::move(one));
    }
    const auto age = std::chrono::steady_clock::now() - decision.at;
    const auto at = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now() - age);
    return {{"model", shared.config.models[decision.model].name},
            {"event", pool::name_of(decision.event)},
            {"outcome", decision.outcome},
            {"at", fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", at)},
            {"age_s", std::chrono::duration_cast<std::chrono::seconds>(age).count()},
            {"times", decision.times},
            {"asked_bytes", decision.asked.count},
            {"free_bytes", decision.free.count},
            {"options", std::move(options)}};
}

}  // namespace

json::object why_json(const Shared& shared, std::optional<pool::ModelIndex> model, std::size_t last) {
    json::array decisions;
    const auto& all = shared.pool.core().decisions();
    for (auto it = all.rbegin(); it != all.rend() && decisions.size() < last; ++it)
        if (!model || it->model == *model) decisions.push_back(decision_json(shared, *it));
    return {{"decisions", std::move(decisions)}};
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
            out += static_cast<char>(value);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

namespace {

// As forms and most libraries write queries: '+' is a space, which it is not in a path.
std::string form_decoded(std::string_view text) {
    std::string spaced(text);
    std::ranges::replace(spaced, '+', ' ');
    return percent_decoded(spaced);
}

}  // namespace

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        const auto equals = pair.find('=');
        if (pair.substr(0, equals) == name)
            return equals == std::string_view::npos ? std::string() : form_decoded(pair.substr(equals + 1));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return std::nullopt;
}

}  // namespace sarai::gateway
