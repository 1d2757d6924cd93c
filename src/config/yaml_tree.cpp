#include "config/yaml_tree.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "base/utf8.hpp"

namespace sarai::config {
namespace {

struct Refused {
    Problem problem;
};

[[noreturn]] void refuse(int line, int column, std::string value, std::string expected) {
    throw Refused{
        {.path = {}, .line = line, .column = column, .value = std::move(value), .expected = std::move(expected)}};
}

class Builder : public YAML::EventHandler {
public:
    explicit Builder(const Limits& limits) : limits_(limits) {}

    Node root;

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(node(Node::Kind::null, mark), anchor); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node scalar = node(Node::Kind::scalar, mark);
        scalar.quoted = tag != "?" && !tag.empty();
        scalar.text = value;
        leaf(std::move(scalar), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) refuse(mark.line + 1, mark.column + 1, "an alias to what encloses it", "");
        count(found->second, mark, open_.size());
        add(found->second);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::list, mark, anchor);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, mark, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }

private:
    struct Open {
        Node node;
        YAML::anchor_t anchor;
        bool has_key = false;
    };

    Node node(Node::Kind kind, const YAML::Mark& mark) {
        if (++nodes_ > limits_.nodes) {
            refuse(mark.line + 1, mark.column + 1, "too large", fmt::format("at most {} values", limits_.nodes));
        }
        return {.kind = kind, .line = mark.line + 1, .column = mark.column + 1};
    }
    void count(const Node& copied, const YAML::Mark& mark, std::size_t depth) {
        check_depth(depth, mark);
        (void)node(copied.kind, mark);
        copied_bytes_ += copied.text.size();
        for (const auto& key : copied.keys) copied_bytes_ += key.size();
        if (copied_bytes_ > limits_.bytes)
            refuse(mark.line + 1, mark.column + 1, "too large once aliases are copied", "");
        for (const auto& item : copied.items) count(item, mark, depth + 1);
    }
    void check_depth(std::size_t depth, const YAML::Mark& mark) const {
        if (depth < static_cast<std::size_t>(limits_.depth)) return;
        refuse(mark.line + 1, mark.column + 1, "nested too deeply", fmt::format("at most {} levels", limits_.depth));
    }
    void leaf(Node value, YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor) anchors_[anchor] = value;
        add(std::move(value));
    }
    void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        check_depth(open_.size(), mark);
        open_.push_back({node(kind, mark), anchor});
    }
    void close() {
        Open done = std::move(open_.back());
        open_.pop_back();
        leaf(std::move(done.node), done.anchor);
    }
    void add(Node value) {
        if (open_.empty()) {
            root = std::move(value);
            return;
        }
        Open& parent = open_.back();
        if (parent.node.kind == Node::Kind::map && !parent.has_key) {
            if (value.kind != Node::Kind::scalar) {
                refuse(value.line, value.column, describe(value) + " as a key", "a name");
            }
            parent.node.keys.push_back(value.text);
            parent.node.key_marks.push_back(std::move(value));
            parent.has_key = true;
            return;
        }
        parent.has_key = false;
        parent.node.items.push_back(std::move(value));
    }

    Limits limits_;
    int nodes_ = 0;
    std::size_t copied_bytes_ = 0;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, Node> anchors_;
};

// yaml-cpp would silently put U+FFFD in its place; NUL and other controls have no business in a configuration.
void check_characters(std::string_view text) {
    int line = 1;
    std::size_t line_start = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text.substr(at));
        const auto c = static_cast<unsigned char>(text[at]);
        const int column = static_cast<int>(at - line_start) + 1;
        if (length == 0) refuse(line, column, fmt::format("byte 0x{:02x}", c), "UTF-8 text");
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
            refuse(line, column, fmt::format("control character 0x{:02x}", c), "UTF-8 text");
        }
        at += length;
        if (c == '\n') {
            ++line;
            line_start = at;
        }
    }
}

}  // namespace

std::expected<Node, Problem> parse_yaml(std::string_view text, const Limits& limits) {
    try {
        if (text.size() > limits.bytes) {
            refuse(0, 0, "too large", fmt::format("at most {} KiB", limits.bytes >> 10U));
        }
        if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
        check_characters(text);
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        Builder builder(limits);
        if (!parser.HandleNextDocument(builder)) return Node{};
        Builder second(limits);
        if (parser.HandleNextDocument(second)) {
            refuse(second.root.line, 0, "a second document", "a single one, without \"---\" in between");
        }
        return std::move(builder.root);
    } catch (const Refused& refused) { return std::unexpected(refused.problem); } catch (const YAML::Exception& error) {
        const bool placed = !error.mark.is_null();
        return std::unexpected(Problem{.path = {},
                                       .line = placed ? error.mark.line + 1 : 0,
                                       .column = placed ? error.mark.column + 1 : 0,
                                       .value = "not valid YAML: " + printable(error.msg, 200),  // it quotes the file
                                       .expected = ""});
    }
}

std::string describe(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return "nothing";
        case Node::Kind::list: return "a list";
        case Node::Kind::map: return "keys and values";
        case Node::Kind::scalar: return in_quotes(node.text);
    }
    return "nothing";
}

}  // namespace sarai::config
