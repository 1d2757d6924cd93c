#include "config/built_in_pipelines.hpp"

#include <array>
#include <stdexcept>

#include "config/problem.hpp"
#include "config/read.hpp"

namespace sarai::config {
namespace {

// C++26, which both compilers have in C++23 as an extension.
#ifdef __clang__
#pragma clang diagnostic ignored "-Wc23-extensions"
#else
#pragma GCC diagnostic ignored "-Wc++26-extensions"
#endif
constexpr std::array shipped = std::to_array<unsigned char>({
#embed "../../data/pipelines/built_in.yaml"
});

}  // namespace

std::string_view built_in_pipelines_text() { return {reinterpret_cast<const char*>(shipped.data()), shipped.size()}; }

std::vector<Pipeline> built_in_pipelines() {
    const auto tree = parse_yaml(built_in_pipelines_text());
    std::vector<Problem> problems;
    Draft draft;
    draft.config.built_in_pipelines = false;
    if (tree) read_tree(*tree, Environment{}, draft, problems);
    check_pipelines(draft, problems);
    // A test reads them; nobody else can change them.
    if (!tree || !problems.empty()) throw std::logic_error("built-in pipelines: " + report("built_in.yaml", problems));
    for (auto& pipeline : draft.config.pipelines) pipeline.built_in = true;
    return std::move(draft.config.pipelines);
}

}  // namespace sarai::config
