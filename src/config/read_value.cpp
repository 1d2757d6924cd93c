#include "config/read_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/nearest.hpp"

namespace sarai::config {
namespace {

using Outcome = std::expected<Value, Problem>;

struct Reader {
    const Key& key;
    const Node& node;
    Source source;

    [[nodiscard]] std::unexpected<Problem> refuse(std::string suggestion = {}, std::string expected = {}) const {
        std::string shown = node.kind == Node::Kind::scalar ? in_quotes(without_user(node.text)) : describe(node);
        if (key.type == Type::secret) shown = node.kind == Node::Kind::scalar ? "not printed here" : describe(node);
        return std::unexpected(Problem{.value = std::move(shown),
                                       .expected = expected.empty() ? expected_of(key) : std::move(expected),
                                       .suggestion = std::move(suggestion)});
    }
    // Quotes make it text, unless they are there for the sake of "${NAME}".
    [[nodiscard]] bool is_text() const { return node.quoted && !node.replaced && source == Source::file; }

    [[nodiscard]] Outcome boolean() const {
        if (!is_text() && node.text == "true") return Value{true};
        if (!is_text() && node.text == "false") return Value{false};
        const auto meant = parse_loose_boolean(node.text);
        if (source == Source::environment && meant) return Value{*meant};
        return meant ? refuse(*meant ? "true" : "false") : refuse();
    }
    [[nodiscard]] Outcome integer() const {
        std::int64_t number = 0;
        const char* end = node.text.data() + node.text.size();
        const auto [rest, ec] = std::from_chars(node.text.data(), end, number);
        if (ec != std::errc{} || rest != end || !within(static_cast<double>(number))) return refuse();
        if (is_text()) return refuse(std::to_string(number));
        return Value{number};
    }
    [[nodiscard]] Outcome number() const {
        double number = 0;
        const char* end = node.text.data() + node.text.size();
        const auto [rest, ec] = std::from_chars(node.text.data(), end, number);
        if (ec != std::errc{} || rest != end || !(number >= key.min && number <= key.max)) return refuse();
        if (is_text()) return refuse(node.text);
        return Value{number};
    }
    [[nodiscard]] Outcome size() const {
        double number = 0;
        const char* end = node.text.data() + node.text.size();
        const bool bare = std::from_chars(node.text.data(), end, number).ptr == end && !node.text.empty();
        const auto with_unit = bare ? node.text + "GiB" : node.text;
        const auto parsed = parse_bytes(key.type == Type::size_gib ? with_unit : node.text);
        if (parsed && within(static_cast<double>(parsed->count))) return Value{*parsed};
        const auto meant = parse_bytes(with_unit);
        return bare && meant && within(static_cast<double>(meant->count)) ? refuse(with_unit) : refuse();
    }
    [[nodiscard]] Outcome duration() const {
        const auto parsed = parse_duration(node.text);
        if (!parsed || !within(static_cast<double>(parsed->count()) / 1e3)) return refuse();
        return Value{*parsed};
    }
    [[nodiscard]] Outcome choice() const {
        std::vector<std::string_view> choices;
        for (std::string_view rest = key.choices; !rest.empty();) {
            const auto bar = rest.find('|');
            choices.push_back(rest.substr(0, bar));
            rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
        }
        if (std::ranges::contains(choices, std::string_view(node.text))) return Value{node.text};
        // The only choice needs no guess.
        return refuse(choices.size() == 1 ? "" : std::string(nearest(node.text, choices).value_or("")));
    }
    [[nodiscard]] Outcome listen() const {
        const auto parsed = parse_listen(node.text);
        if (parsed) return Value{*parsed};
        for (const auto& meant : {"127.0.0.1" + node.text, "127.0.0.1:" + node.text}) {
            if (parse_listen(meant)) return refuse(meant);
        }
        return refuse();
    }
    [[nodiscard]] Outcome url() const {
        if (auto parsed = parse_url(node.text)) return Value{std::move(*parsed)};
        const auto meant = "http://" + node.text;
        return !node.text.contains("://") && parse_url(meant) ? refuse(meant) : refuse();
    }
    [[nodiscard]] Outcome text() const {
        if (node.text.empty() && key.type != Type::secret) return refuse();
        return Value{node.text};
    }
    [[nodiscard]] Outcome prose() const {
        const bool strange = std::ranges::any_of(
            node.text, [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f; });
        if (strange) return refuse({}, expected_of(key) + ", without control characters");
        return Value{node.text};
    }
    [[nodiscard]] Outcome texts() const {
        if (node.kind != Node::Kind::list) return refuse();
        std::vector<std::string> list;
        for (const auto& item : node.items) {
            if (item.kind != Node::Kind::scalar || has_controls(item.text)) {
                auto problem = refuse();
                problem.error().value = "a list with " + describe(item);
                return problem;
            }
            list.push_back(item.text);
        }
        return Value{std::move(list)};
    }
    [[nodiscard]] bool within(double number) const {
        return (key.min == 0 && key.max == 0) || (number >= key.min && number <= key.max);
    }
    // They would break a header, a command line or a log.
    [[nodiscard]] static bool has_controls(std::string_view text) {
        return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    }
};

}  // namespace

Outcome read_value(const Key& key, const Node& node, Source source) {
    const Reader reader{key, node, source};
    if (key.type == Type::text_list) return reader.texts();
    if (node.kind != Node::Kind::scalar) return reader.refuse();
    if (key.type == Type::prose) return reader.prose();
    if (Reader::has_controls(node.text)) return reader.refuse({}, expected_of(key) + ", without control characters");
    switch (key.type) {
        case Type::boolean: return reader.boolean();
        case Type::integer: return reader.integer();
        case Type::number: return reader.number();
        case Type::size:
        case Type::size_gib: return reader.size();
        case Type::duration: return reader.duration();
        case Type::choice: return reader.choice();
        case Type::listen: return reader.listen();
        case Type::url: return reader.url();
        default: return reader.text();
    }
}

std::optional<bool> parse_loose_boolean(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const auto* word : {"true", "1", "yes", "on"}) {
        if (lower == word) return true;
    }
    for (const auto* word : {"false", "0", "no", "off"}) {
        if (lower == word) return false;
    }
    return std::nullopt;
}

}  // namespace sarai::config
