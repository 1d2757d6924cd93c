#include "cli/pipelines.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>
#include <vector>

#include "cli/table.hpp"
#include "config/built_in_pipelines.hpp"
#include "config/problem.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

std::string pipeline_text(const json::object& object, std::string_view key) {
    return config::printable(protocols::string_at(object, key), 4096);
}

std::string needs_of(const json::object& step) {
    std::string words;
    if (const auto* needs = protocols::array_at(step, "needs"))
        for (const auto& need : *needs)
            if (need.is_string())
                words += (words.empty() ? "" : ", ") + config::printable(std::string_view(need.get_string()));
    return words;
}

std::string render_one(const json::object& pipeline, const Style& style) {
    auto text = style.bold(pipeline_text(pipeline, "name")) + "\n";
    if (const auto about = pipeline_text(pipeline, "description"); !about.empty()) text += "  " + about + "\n";
    if (const auto* parameters = protocols::object_at(pipeline, "parameters"))
        for (const auto& [name, value] : *parameters)
            text += fmt::format("  parameter {}, {}\n", config::printable(std::string_view(name)),
                                value.is_string() && !value.get_string().empty()
                                    ? config::in_quotes(std::string_view(value.get_string()))
                                    : "empty");
    std::vector<std::vector<std::string>> rows;
    if (const auto* steps = protocols::array_at(pipeline, "steps"))
        for (const auto& entry : *steps) {
            const auto* step = entry.if_object();
            if (step == nullptr) continue;
            const auto name = pipeline_text(*step, "name");
            rows.push_back({name == pipeline_text(pipeline, "output") ? " >" : "  ", name,
                            pipeline_text(*step, "model"), needs_of(*step), pipeline_text(*step, "when")});
        }
    return text + render_table({{""}, {"STEP"}, {"MODEL"}, {"AFTER"}, {"WHEN"}}, rows);
}

}  // namespace

std::string render_pipelines(const json::object& answer, const Style& style) {
    std::string text;
    if (const auto* all = protocols::array_at(answer, "pipelines"))
        for (const auto& one : *all)
            if (one.is_object()) text += (text.empty() ? "" : "\n") + render_one(one.get_object(), style);
    return text.empty() ? "no pipelines\n" : text;
}

int show_pipelines(const ServerChoice& server, const std::string& name, bool as_json, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) return fail_with(io, origin.error());
    auto answer = get_json(*origin, "/sarai/pipelines");
    if (!answer) return fail_with(io, answer.error());
    auto* all = answer->if_contains("pipelines");
    if (!name.empty() && all != nullptr && all->is_array()) {
        json::array found;
        for (const auto& one : all->get_array())
            if (one.is_object() && protocols::string_at(one.get_object(), "name") == name) found.push_back(one);
        if (found.empty()) {
            print_error(io, fmt::format("no pipeline {}; \"sarai pipelines\" lists them", config::in_quotes(name)));
            return exit_status(Code::not_found);
        }
        *all = std::move(found);
    }
    io.out << (as_json ? json::serialize(*answer) + "\n"
                       : render_pipelines(*answer, Style{wants_colour(io, io.out_terminal)}));
    return 0;
}

int print_built_in_pipelines(Io& io) {
    io.out << config::built_in_pipelines_text();
    return 0;
}

}  // namespace sarai::cli
