#include "router/cpu_backend.hpp"

#include <dlfcn.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <vector>

namespace sarai::router {
namespace {

namespace fs = std::filesystem;

// ggml's own loader would open every backend's plug-in (GPUs, RPC) and keep them.
int score_of(const fs::path& plugin) {
    void* library = ::dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return 0;
    const auto score = reinterpret_cast<int (*)()>(::dlsym(library, "ggml_backend_score"));
    const int value = score == nullptr ? 1 : score();
    ::dlclose(library);
    return value;
}

// Beside ggml's library, as the engine's packages lay them: ggml/libggml-cpu-*.so or ggml/<version of the interface>/….
std::vector<fs::path> plugins() {
    std::vector<fs::path> found;
    Dl_info info{};
    if (::dladdr(reinterpret_cast<const void*>(&ggml_time_init), &info) == 0 || info.dli_fname == nullptr) return found;
    std::error_code error;
    const auto beside = fs::canonical(info.dli_fname, error).parent_path();
    if (error) return found;
    std::vector<fs::path> folders{beside, beside / "ggml"};
    for (fs::directory_iterator it(beside / "ggml", error), end; !error && it != end; it.increment(error)) {
        std::error_code ignored;
        if (it->is_directory(ignored)) folders.push_back(it->path());
    }
    for (const auto& folder : folders) {
        error.clear();
        for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
            const auto name = it->path().filename().string();
            if (name.starts_with("libggml-cpu") && name.ends_with(".so")) found.push_back(it->path());
        }
    }
    std::ranges::sort(found);
    return found;
}

ggml_backend_reg_t load() {
    if (auto* known = ggml_backend_reg_by_name("CPU"); known != nullptr) return known;
    // The engine's remarks are for whoever runs the engine.
    ggml_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    int best_score = 0;
    fs::path best;
    for (const auto& plugin : plugins()) {
        if (const int score = score_of(plugin); score > best_score) {
            best_score = score;
            best = plugin;
        }
    }
    if (!best.empty())
        if (auto* loaded = ggml_backend_load(best.c_str()); loaded != nullptr) return loaded;
    ggml_backend_load_all();
    return ggml_backend_reg_by_name("CPU");
}

}  // namespace

Result<Backend> make_cpu_backend() {
    static std::mutex mutex;
    static ggml_backend_reg_t registered = nullptr;
    const std::lock_guard lock(mutex);
    if (registered == nullptr) registered = load();
    if (registered == nullptr)
        return fail(Code::unsupported, "ggml's CPU backend was not found",
                    "Is the plug-in libggml-cpu*.so of the engine's package installed?");
    Backend made(ggml_backend_dev_init(ggml_backend_reg_dev_get(registered, 0), nullptr));
    if (!made) return fail(Code::unsupported, "ggml's CPU backend cannot be started");
    using SetThreads = void (*)(ggml_backend_t, int);
    if (const auto set =
            reinterpret_cast<SetThreads>(ggml_backend_reg_get_proc_address(registered, "ggml_backend_set_n_threads")))
        set(made.get(), 1);
    return made;
}

}  // namespace sarai::router
