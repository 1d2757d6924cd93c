#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.hpp"
#include "config/read.hpp"
#include "config/read_value.hpp"

namespace sarai::config {
namespace {

std::string join(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

class Walker {
public:
    Walker(const Environment& environment, Draft& draft, std::vector<Problem>& problems)
        : environment_(environment), draft_(draft), problems_(problems) {}

    // `pattern` finds keys in the table ("models.*.path"), `path` is what a person reads ("models.solar.path").
    void section(const Node& node, const std::string& pattern, const std::string& path) {
        if (node.kind == Node::Kind::null) return;  // all of its keys are commented out
        if (!is_map(node, path)) return;
        const auto known = keys_inside(pattern);
        each(node, path, [&](const std::string& name, const Node& mark, const Node& value, const std::string& child) {
            if (std::ranges::contains(known, std::string_view(name))) {
                given(child, mark);
                key(*find_key(join(pattern, name)), value, child);
            } else {
                add(mark, child, "unknown key", "", std::string(nearest(name, known).value_or("")));
            }
        });
    }

private:
    template <class Visit>
    void each(const Node& node, const std::string& path, Visit visit) {
        std::map<std::string_view, int> first;
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            const Node& mark = node.key_marks[i];
            const std::string child = join(path, printable(node.keys[i]));
            const auto [earlier, is_new] = first.emplace(node.keys[i], mark.line);
            if (is_new) {
                visit(node.keys[i], mark, node.items[i], child);
            } else {
                add(mark, child, "given again", fmt::format("it once (first in line {})", earlier->second));
            }
        }
    }

    void key(const Key& row, const Node& node, const std::string& path) {
        switch (row.type) {
            case Type::section: return section(node, std::string(row.path), path);
            case Type::named:
                if (row.path == "models") return models(node, path);
                if (row.path == "pipelines") return pipelines(node, path);
                if (row.path == "pipelines.*.parameters") return parameters(node, path);
                return row.path == "access.keys" ? api_keys(node, path) : sources(node, path);
            case Type::section_list:
                if (row.path == "models.*.endpoints") return endpoints(row, node, path);
                return row.path == "routing.rules"
                           ? sections(row, node, path, [&] { draft_.config.routing.rules.emplace_back(); })
                           : sections(row, node, path, [&] { draft_.pipeline().steps.emplace_back(); });
            default: return value(row, node, path);
        }
    }

    void models(const Node& node, const std::string& path) {
        if (node.kind == Node::Kind::null || !is_map(node, path)) return;
        each(node, path, [&](const std::string& name, const Node& mark, const Node& value, const std::string& child) {
            if (!is_model_name(name)) {
                add(mark, child, in_quotes(name),
                    "a model name: at most 128 letters, digits and . _ : / -, no \"..\", no \"/\" in front");
            }
            if (value.kind != Node::Kind::null && !is_map(value, child)) return;
            draft_.models.push_back({.name = name, .place = {mark.line, mark.column}});
            model_path_ = child;
            section(value, "models.*", child);
            model_path_.clear();
        });
    }

    void api_keys(const Node& node, const std::string& path) {
        if (node.kind == Node::Kind::null || !is_map(node, path)) return;
        each(node, path, [&](const std::string& name, const Node& mark, const Node& value, const std::string& child) {
            if (!is_model_name(name)) add(mark, child, in_quotes(name), "a name of letters, digits and . _ : / -");
            if (value.kind != Node::Kind::null && value.kind != Node::Kind::map)  // perhaps the key itself
                return add(value, child, "not printed here", "keys and values, such as {sha256: …}");
            draft_.keys.push_back(
                {.key = {.name = name, .sha256 = {}}, .variable = {}, .place = {mark.line, mark.column}, .given = {}});
            key_path_ = child;
            section(value, "access.keys.*", child);
            key_path_.clear();
        });
    }

    void sources(const Node& node, const std::string& path) {
        if (node.kind == Node::Kind::null || !is_map(node, path)) return;
        each(node, path, [&](const std::string& name, const Node& mark, const Node& value, const std::string& child) {
            if (!is_model_name(name) || name.contains('/') || name.contains(':'))
                add(mark, child, in_quotes(name), "a name of letters, digits and . _ -");
            if (!is_map(value, child)) return;
            draft_.config.library.sources.push_back({.name = name, .url = {}});
            section(value, "library.sources.*", child);
            if (std::ranges::find(value.keys, "url") == value.keys.end())
                add(mark, child + ".url", "missing", expected_of(*find_key("library.sources.*.url")));
        });
    }

    void endpoints(const Key& row, const Node& node, const std::string& path) {
        if (node.kind != Node::Kind::list || node.items.empty()) {
            add(node, path, node.kind == Node::Kind::list ? "an empty list" : describe(node), expected_of(row));
            return;
        }
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            draft_.model().endpoints.emplace_back();
            const std::string child = fmt::format("{}[{}]", path, i);
            given(child, node.items[i]);
            // "- " with nothing behind it is a slip, not an empty section.
            if (node.items[i].kind == Node::Kind::null) {
                add(node.items[i], child, "nothing", "a server, such as {url: \"http://lan-box:11434\"}");
                continue;
            }
            section(node.items[i], std::string(row.path) + "[]", child);
        }
    }

    void pipelines(const Node& node, const std::string& path) {
        if (node.kind == Node::Kind::null || !is_map(node, path)) return;
        each(node, path, [&](const std::string& name, const Node& mark, const Node& value, const std::string& child) {
            if (!is_model_name(name))
                add(mark, child, in_quotes(name), "a name of at most 128 letters, digits and . _ : / -");
            if (!is_map(value, child)) return;
            draft_.config.pipelines.emplace_back().name = name;
            given(child, mark);
            section(value, "pipelines.*", child);
        });
    }

    void parameters(const Node& node, const std::string& path) {
        if (node.kind == Node::Kind::null || !is_map(node, path)) return;
        each(node, path, [&](const std::string& name, const Node& mark, const Node& value, const std::string& child) {
            given(child, mark);
            Node replaced = value;
            if (!replace(replaced, child)) return;
            auto read = read_value(*find_key("pipelines.*.parameters.*"), replaced, Source::file);
            if (read)
                draft_.pipeline().parameters.emplace(name, read->as<std::string>());
            else
                add(value, child, std::move(read.error()));
        });
    }

    template <class Append>
    void sections(const Key& row, const Node& node, const std::string& path, Append append) {
        if (node.kind == Node::Kind::null) return;
        if (node.kind != Node::Kind::list) return add(node, path, describe(node), expected_of(row));
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            append();
            const std::string child = fmt::format("{}[{}]", path, i);
            if (!is_map(node.items[i], child)) continue;
            given(child, node.items[i]);
            section(node.items[i], std::string(row.path) + "[]", child);
        }
    }

    void value(const Key& row, const Node& node, const std::string& path) {
        Node replaced = node;
        if (!replace(replaced, path)) return;
        auto read = read_value(row, replaced, Source::file);
        if (read) {
            row.apply(draft_, *read);
        } else {
            add(node, path, std::move(read.error()));
        }
    }

    // In the node and, for lists of texts, in its items. False: something was wrong and was reported.
    bool replace(Node& node, const std::string& path) {
        bool all = true;
        for (auto& item : node.items) all = replace(item, path) && all;
        if (node.kind != Node::Kind::scalar) return all;
        auto replaced = replace_variables(node.text, environment_, budget_);
        if (!replaced) {
            for (auto& problem : replaced.error()) add(node, path, std::move(problem));
            return false;
        }
        node.text = std::move(replaced->text);
        node.replaced = replaced->any;
        return all;
    }

    bool is_map(const Node& node, const std::string& path) {
        if (node.kind == Node::Kind::map) return true;
        add(node, path, describe(node), "keys and values, such as \"key: value\"");
        return false;
    }
    void given(const std::string& path, const Node& mark) {
        const Place place{mark.line, mark.column};
        if (!key_path_.empty()) {
            draft_.key().given.emplace(path.substr(key_path_.size() + 1), place);
        } else if (model_path_.empty()) {
            draft_.given.emplace(path, place);
        } else {
            draft_.model().given.emplace(path.substr(model_path_.size() + 1), place);
        }
    }
    void add(const Node& at, const std::string& path, std::string value, std::string expected,
             std::string suggestion = {}) {
        add(at, path,
            {.value = std::move(value), .expected = std::move(expected), .suggestion = std::move(suggestion)});
    }
    void add(const Node& at, const std::string& path, Problem problem) {
        problem.path = path;
        problem.line = at.line;
        problem.column = at.column;
        problems_.push_back(std::move(problem));
    }

    const Environment& environment_;
    Draft& draft_;
    std::vector<Problem>& problems_;
    std::string model_path_;                      // of the model being read
    std::string key_path_;                        // of the API key being read
    std::size_t budget_ = std::size_t{1} << 20U;  // for all variables together
};

}  // namespace

void read_tree(const Node& root, const Environment& environment, Draft& draft, std::vector<Problem>& problems) {
    Walker(environment, draft, problems).section(root, "", "");
}

}  // namespace sarai::config
