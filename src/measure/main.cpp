// sarai-measure: prints what a worker will take, with --describe what a file says of itself, or with --engine which
// engine this is, as one JSON object.
// Runs as a short-lived child, since a file that crashes the engine's loader may then only take this process with it.
#include <link.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "describe.hpp"
#include "oracle.hpp"

namespace {

// The engine's libraries in this process, backends that it opened itself included: whoever keeps the answer has to ask
// again once one of them was replaced.
boost::json::array engine_libraries() {
    boost::json::array found;
    const auto note = [](dl_phdr_info* info, std::size_t /*size*/, void* into) {
        const std::string_view path = info->dlpi_name;
        const auto name = path.substr(path.rfind('/') + 1);
        if (name.starts_with("libggml") || name.starts_with("libllama") || name.starts_with("libmtmd"))
            static_cast<boost::json::array*>(into)->emplace_back(path);
        return 0;
    };
    dl_iterate_phdr(note, &found);
    return found;
}

boost::json::object to_json(const sarai::measure::Answer& answer) {
    boost::json::array lines;
    for (const auto& line : answer.lines) lines.push_back({{"what", line.what}, {"bytes", line.bytes.count}});
    boost::json::array nodes;
    for (const auto& node : answer.nodes)
        nodes.push_back({{"address", node.address},
                         {"weights", node.weights.count},
                         {"context", node.context.count},
                         {"compute", node.compute.count},
                         {"memory", node.memory.count}});
    return {{"nodes", std::move(nodes)},
            {"architecture", answer.architecture},
            {"trained_context", answer.trained_context},
            {"engine", answer.engine},
            {"kv_quantisable", answer.kv_quantisable},
            {"libraries", engine_libraries()},
            {"lines", std::move(lines)}};
}

boost::json::object to_json(const sarai::Error& error) {
    boost::json::object inner{{"code", sarai::name_of(error.code)},
                              {"message", sarai::valid_utf8(error.message)}};  // it may quote the file
    if (!error.hint.empty()) inner["hint"] = error.hint;
    return {{"error", std::move(inner)}};
}

int print(const sarai::Result<boost::json::object>& answer) {
    fmt::print("{}\n", boost::json::serialize(answer ? *answer : to_json(answer.error())));
    return answer ? 0 : 1;
}

// A header that claims to be larger than any is ends this process, not the machine: vocabularies take some 50 MiB.
void limit_memory() {
    const rlimit most{.rlim_cur = rlim_t{2} << 30, .rlim_max = rlim_t{2} << 30};
    (void)::setrlimit(RLIMIT_AS, &most);
}

// Without destructors: to give back hundreds of thousands of a vocabulary's strings one by one takes a tenth of the
// run.
[[noreturn]] void leave(int status) {
    std::fflush(nullptr);
    std::_Exit(status);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Plans a worker's memory with the engine's own allocator; prints JSON.", "sarai-measure");
    sarai::measure::Question question;
    std::filesystem::path projector;
    auto* model = app.add_option("--model", question.model, "GGUF file");
    bool shows_engine = false;
    app.add_flag("--engine", shows_engine, "print the engine's build and the libraries that it loads on this machine");
    bool describes = false;
    app.add_flag("--describe", describes, "print what the file says of itself instead");
    app.add_option("--mmproj", projector, "multimodal projector, a GGUF file");
    app.add_option("--context", question.context, "tokens, over all slots")->check(CLI::Range(1, 1 << 30));
    app.add_option("--parallel", question.parallel, "slots")->check(CLI::Range(1, 256));
    app.add_option("--batch", question.batch, "logical batch, tokens")->check(CLI::Range(1, 1 << 20));
    app.add_option("--micro-batch", question.micro_batch, "physical batch, tokens")->check(CLI::Range(1, 1 << 20));
    app.add_option("--image-tokens", question.image_tokens, "the most tokens that one image becomes")
        ->check(CLI::Range(8, 2116));  // the engine plans for 46 × 46 tokens at most
    app.add_option("--checkpoints", question.checkpoints, "context checkpoints per slot")->check(CLI::Range(0, 1024));
    app.add_option("--kv-type", question.kv_type, "type of the KV cache")
        ->check(CLI::IsMember({"f16", "bf16", "q8_0", "q4_0"}));
    app.add_option("--load-mode", question.load_mode, "how weights come into memory")
        ->check(CLI::IsMember({"copy", "mmap", "engine_default"}));
    app.add_flag("--embedding", question.embedding, "the worker serves embeddings only");
    app.add_flag("--rerank", question.rerank, "of these it makes scores, as of a reranker");
    app.add_option("--prompt-cache", question.prompt_cache.count, "bytes the prompt cache may grow to")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 50));
    app.add_option("--node", question.nodes, "host:port of a ggml-rpc-server that holds layers; may be repeated");
    app.add_option("--split", question.split, "share of each node")->delimiter(',');
    try {
        app.parse(argc, argv);
        if (!shows_engine && model->empty()) throw CLI::RequiredError("--model");
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
    if (!projector.empty()) question.mmproj = projector;

    if (shows_engine) {
        auto engine = sarai::measure::load_engine();  // before its libraries are looked at
        leave(print(boost::json::object{{"engine", std::move(engine)}, {"libraries", engine_libraries()}}));
    }
    if (describes) {
        limit_memory();
        leave(print(sarai::measure::describe_file(question.model)));
    }
    leave(print(sarai::measure::ask(question).transform([](const auto& answer) { return to_json(answer); })));
}
