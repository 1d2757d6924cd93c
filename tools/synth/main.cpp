// sarai-synth: model files of the shapes we serve, with random weights — for tests, demonstrations and calibration.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "writer.hpp"

namespace {

struct Role {
    const char* name;
    synth::Model (*make)(const synth::Request&);
    synth::Quant full_quant;
    const char* extension = ".gguf";
};

constexpr std::array roles = {
    Role{"solar", &synth::make_solar, synth::Quant::q4_k_m},
    Role{"lfm2", &synth::make_lfm2, synth::Quant::q4_k_m},
    Role{"omni", &synth::make_omni, synth::Quant::q4_k_m},
    Role{"omni-mmproj", &synth::make_omni_mmproj, synth::Quant::f16},
    Role{"embed", &synth::make_embed, synth::Quant::q8_0},
    Role{"rerank", &synth::make_rerank, synth::Quant::q8_0},
    Role{"whisper", &synth::make_whisper, synth::Quant::f16, ".bin"},
};

const std::map<std::string, synth::Quant> quants = {{"F32", synth::Quant::f32},
                                                    {"F16", synth::Quant::f16},
                                                    {"Q8_0", synth::Quant::q8_0},
                                                    {"Q4_0", synth::Quant::q4_0},
                                                    {"Q4_K_M", synth::Quant::q4_k_m}};

synth::Progress percentage(const std::string& name) {
    if (isatty(STDERR_FILENO) == 0) return {};
    return [name, last = std::int64_t{-1}](sarai::Bytes done, sarai::Bytes all) mutable {
        const auto percent = all.count == 0 ? 100 : 100 * done.count / all.count;
        if (percent == last) return;
        last = percent;
        fmt::print(stderr, "\r{} {:3} %{}", name, percent, percent == 100 ? "\n" : "");
    };
}

int write_one(const Role& role, const synth::Request& request, const std::filesystem::path& file) {
    const auto started = std::chrono::steady_clock::now();
    const auto size = synth::write(role.make(request), file, percentage(file.filename().string()));
    if (!size) {
        fmt::print(stderr, "sarai-synth: {}\n", sarai::describe(size.error()));
        return sarai::exit_status(size.error().code);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    fmt::print("{}  {}  {:.1f} s\n", file.string(), sarai::to_string(*size), took.count());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is then an error of write(), reported like a full disk

    CLI::App app("Writes models of real architectures with random weights: GGUF, and whisper.cpp's own format.",
                 "sarai-synth");
    synth::Request request;
    std::string role_name;
    std::string size_name = "tiny";
    std::string quant_name;
    std::string tokenizer_name;
    std::filesystem::path output;
    std::uint32_t context = 0;
    std::vector<std::string> names = {"all"};
    for (const auto& role : roles) names.emplace_back(role.name);
    app.add_option("role", role_name, "which model")->required()->check(CLI::IsMember(names));
    app.add_option("-o,--output", output, "file to write; for `all` a folder, which gets ROLE.gguf, and whisper.bin")
        ->required();
    app.add_option("--size", size_name, "tiny: under 3 MB, for tests; full: the true shape")
        ->check(CLI::IsMember({"tiny", "full"}))
        ->capture_default_str();
    app.add_option("--seed", request.seed, "same seed, same bytes")->capture_default_str();
    app.add_option("--quant", quant_name,
                   "F32, F16, Q8_0, Q4_0 or Q4_K_M (default: Q8_0 for tiny; for full Q4_K_M, embed and rerank Q8_0, "
                   "omni-mmproj and whisper F16)")
        ->transform(CLI::IsMember(quants, CLI::ignore_case));
    app.add_option("--context", context, "trained context to claim, in tokens (default: the architecture's)")
        ->check(CLI::Range(256, 1 << 20));
    app.add_option("--tokenizer", tokenizer_name,
                   "bytes: one token per byte, nothing merges; merging: an ordinary one (default: bytes for tiny, "
                   "merging for full)")
        ->check(CLI::IsMember({"bytes", "merging"}));
    app.footer("Example:  sarai-synth all --size tiny -o models/");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }

    request.size = size_name == "full" ? synth::Size::full : synth::Size::tiny;
    request.tokenizer = request.pick(synth::TokenizerKind::bytes, synth::TokenizerKind::merging);
    if (!tokenizer_name.empty()) {
        request.tokenizer = tokenizer_name == "bytes" ? synth::TokenizerKind::bytes : synth::TokenizerKind::merging;
    }
    if (context != 0) request.context = context;

    if (role_name == "all") {
        std::error_code failed;
        std::filesystem::create_directories(output, failed);
        if (failed) {
            fmt::print(stderr, "sarai-synth: cannot make the folder {} ({})\n", output.string(), failed.message());
            return 1;
        }
    }
    for (const auto& role : roles) {
        if (role_name != "all" && role_name != role.name) continue;
        request.quant = request.pick(synth::Quant::q8_0, role.full_quant);
        if (!quant_name.empty()) request.quant = quants.at(quant_name);
        const auto file = role_name == "all" ? output / (std::string(role.name) + role.extension) : output;
        if (const int status = write_one(role, request, file); status != 0) return status;
    }
    return 0;
}
