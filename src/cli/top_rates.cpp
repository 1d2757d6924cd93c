#include "cli/top_rates.hpp"

#include <charconv>

namespace sarai::cli {
namespace {

using Labels = std::map<std::string, std::string, std::less<>>;

// One line of the text format, without its time stamp: `name{label="value",…} 1.5`.
struct Line {
    std::string_view name;
    Labels labels;
    double value = 0;
};

// The labels up to "}", which are taken off `rest`.
std::optional<Labels> take_labels(std::string_view& rest) {
    Labels labels;
    while (!rest.starts_with('}')) {
        const auto equals = rest.find("=\"");
        if (equals == std::string_view::npos) return std::nullopt;
        const std::string name(rest.substr(0, equals));
        rest.remove_prefix(equals + 2);
        std::string value;
        while (!rest.empty() && rest.front() != '"') {
            if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);  // of a quote, a backslash or "n"
            value += rest.front();
            rest.remove_prefix(1);
        }
        if (rest.empty()) return std::nullopt;
        rest.remove_prefix(1);
        if (rest.starts_with(',')) rest.remove_prefix(1);
        labels.emplace(name, std::move(value));
    }
    rest.remove_prefix(1);
    return labels;
}

std::optional<Line> line_of(std::string_view text) {
    const auto name_end = text.find_first_of("{ ");
    if (name_end == std::string_view::npos || text.starts_with('#')) return std::nullopt;
    Line line{.name = text.substr(0, name_end), .labels = {}};
    text.remove_prefix(name_end);
    if (text.starts_with('{')) {
        text.remove_prefix(1);
        auto labels = take_labels(text);
        if (!labels) return std::nullopt;
        line.labels = std::move(*labels);
    }
    if (!text.starts_with(' ')) return std::nullopt;
    text.remove_prefix(1);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), line.value);
    return read.ec == std::errc() ? std::optional(std::move(line)) : std::nullopt;
}

std::string label(const Line& line, std::string_view name) {
    const auto found = line.labels.find(name);
    return found == line.labels.end() ? std::string() : found->second;
}

double grown(double before, double now) { return now < before ? now : now - before; }

double seconds_between(TopHistory::Time from, TopHistory::Time to) {
    return std::chrono::duration<double>(to - from).count();
}

template <class Map, class Key>
auto value_at(const Map& map, const Key& key) {
    const auto found = map.find(key);
    return found == map.end() ? typename Map::mapped_type{} : found->second;
}

void keep(std::vector<double>& values, double value) {
    if (values.size() == TopHistory::most) values.erase(values.begin());
    values.push_back(value);
}

}  // namespace

Counts counts_of(std::string_view metrics) {
    Counts counts;
    while (!metrics.empty()) {
        const auto end = std::min(metrics.find('\n'), metrics.size());
        const auto line = line_of(metrics.substr(0, end));
        metrics.remove_prefix(std::min(end + 1, metrics.size()));
        if (!line) continue;
        const auto model = label(*line, "model");
        const auto backend = std::pair(model, label(*line, "backend"));
        if (line->name == "sarai_requests_total") {
            counts.requests += line->value;
            counts.backend_of[backend].requests += line->value;
        } else if (line->name == "sarai_tokens_total" && label(*line, "type") == "completion") {
            counts.tokens += line->value;
            counts.tokens_of[model] += line->value;
        } else if (line->name == "sarai_time_to_first_token_seconds_sum") {
            counts.backend_of[backend].first_token_seconds += line->value;
        } else if (line->name == "sarai_time_to_first_token_seconds_count") {
            counts.backend_of[backend].first_tokens += line->value;
        }
    }
    return counts;
}

void TopHistory::add(Time at, std::int64_t used_bytes, Counts counts) {
    keep(used_, static_cast<double>(used_bytes));
    const Sample before = samples_.empty() ? Sample{.at = at, .counts = {}} : samples_.back();
    const double passed = seconds_between(before.at, at);
    keep(requests_, passed > 0 ? grown(before.counts.requests, counts.requests) / passed : 0);
    keep(tokens_, passed > 0 ? grown(before.counts.tokens, counts.tokens) / passed : 0);
    for (const auto& [who, now] : counts.backend_of) {
        const auto then = value_at(before.counts.backend_of, who);
        const double fresh = grown(then.first_tokens, now.first_tokens);
        if (fresh > 0) first_token_[who] = grown(then.first_token_seconds, now.first_token_seconds) / fresh;
    }
    samples_.push_back({.at = at, .counts = std::move(counts)});
    while (samples_.size() > 2 && at - samples_[1].at >= window) samples_.pop_front();
}

TopHistory::ModelRate TopHistory::of(const std::string& model, const std::string& backend) const {
    ModelRate rate;
    const auto who = std::pair(model, backend);
    if (const auto seen = first_token_.find(who); seen != first_token_.end()) rate.first_token_seconds = seen->second;
    if (samples_.size() < 2) return rate;
    const auto& [from, then] = samples_.front();
    const auto& [to, now] = samples_.back();
    const double ended = grown(value_at(then.backend_of, who).requests, value_at(now.backend_of, who).requests);
    const double passed = seconds_between(from, to);
    if (ended > 0 && passed > 0)
        rate.tokens_per_second = grown(value_at(then.tokens_of, model), value_at(now.tokens_of, model)) / passed;
    return rate;
}

}  // namespace sarai::cli
