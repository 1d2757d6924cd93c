#include "app/doctor_folders.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>

#include "app/brought_models.hpp"
#include "engine/runtime_dir.hpp"
#include "history/store.hpp"
#include "media/scratch_dir.hpp"
#include "net/certificate.hpp"
#include "net/tls_front.hpp"

namespace sarai::app {
namespace {

namespace fs = std::filesystem;
using cli::CheckState;

constexpr Bytes little_disk = MiB(64);  // a history, sockets
constexpr auto soon = std::chrono::days(14);

// Whether a file can be made there. Asking for permissions alone would miss a disk that is read-only or full.
std::error_code try_to_write(const fs::path& folder) {
    auto pattern = (folder / ".sarai-doctor-XXXXXX").string();
    const int file = ::mkstemp(pattern.data());
    if (file < 0) return last_error();
    std::error_code result;
    if (::write(file, "x", 1) != 1) result = last_error();
    ::close(file);
    ::unlink(pattern.c_str());
    return result;
}

// The deepest folder on the way to `folder` that is there.
fs::path existing(fs::path folder) {
    std::error_code ignored;
    while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
    return folder;
}

// Whose contents are for their owner alone, others must not change.
bool others_may_write(const fs::path& folder) {
    struct stat info{};
    return ::stat(folder.c_str(), &info) == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

struct Folder {
    std::string name;
    fs::path path;
    std::string key;  // that chooses another one
    Bytes enough = little_disk;
    bool is_shared = false;  // such as /tmp: what is made in it is private
};

cli::Check look_at(const Folder& folder) {
    cli::Check check{.group = "folders", .name = folder.name, .text = {}};
    const auto change = fmt::format("Set {} to a folder that sarai may write to.", folder.key);
    if (folder.path.empty()) {
        check.state = CheckState::warn;
        check.text = "there is none: neither HOME nor the folders of the XDG standard are set";
        check.advice = change;
        return check;
    }
    std::error_code cause;
    const auto absolute = fs::absolute(folder.path, cause);
    const auto there = existing(absolute);
    const bool is_there = there == absolute;
    if (const auto refused = try_to_write(there)) {
        check.state = CheckState::fail;
        check.text =
            is_there ? fmt::format("cannot write to {}: {}", absolute.string(), refused.message())
                     : fmt::format("{} cannot be made in {}: {}", absolute.string(), there.string(), refused.message());
        check.advice = change;
        return check;
    }
    const auto space = fs::space(there, cause);
    const Bytes free{cause ? 0 : static_cast<std::int64_t>(space.available)};
    check.text =
        fmt::format("{}{}, {} free", absolute.string(), is_there ? "" : ", which will be made", to_string(free));
    if (is_there && !folder.is_shared && others_may_write(absolute)) {
        check.state = CheckState::warn;
        check.text += "; others may write to it";
        check.advice = fmt::format("chmod go-w {}", absolute.string());
    } else if (free < folder.enough) {
        check.state = CheckState::warn;
        check.advice = fmt::format("Make room, or set {} to a folder on a larger disk.", folder.key);
    }
    return check;
}

// Whether what sarai keeps there for a while is kept in RAM, which no budget counts.
cli::Check look_at_scratch() {
    const auto parent = media::scratch_parent();
    auto check = look_at({.name = "scratch", .path = parent, .key = "TMPDIR", .enough = MiB(512), .is_shared = true});
    const bool in_memory = check.state != CheckState::fail && media::is_in_memory(parent);
    if (check.state == CheckState::fail || in_memory) check.state = CheckState::warn;  // all but media is served
    if (!in_memory) return check;
    check.text += "; it is a tmpfs, so recordings and files of conversions take memory beside the budget";
    check.advice = "Set TMPDIR to a folder on a disk, such as /var/tmp, where sarai is started.";
    return check;
}

bool others_may_read(const fs::path& file) {
    struct stat info{};
    return ::stat(file.c_str(), &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

// A key that stands in the file itself rather than in the environment.
bool holds_a_key(const config::Node& node) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const auto& item = node.items[i];
        const bool is_key = node.kind == config::Node::Kind::map && node.keys[i] == "api_key";
        if (is_key && item.kind == config::Node::Kind::scalar && !item.text.empty() && !item.text.contains("${"))
            return true;
        if (holds_a_key(item)) return true;
    }
    return false;
}

cli::Check readable_by_others(std::string name, const fs::path& file) {
    return {.group = "configuration",
            .name = std::move(name),
            .state = CheckState::warn,
            .text = fmt::format("{} holds a key, and others may read it", file.string()),
            .advice = fmt::format("chmod 600 {}", file.string())};
}

cli::Check look_at_certificate(const cli::Written& written) {
    const auto& server = written.config.server;
    const auto place = written.place({"server", "tls_certificate"});
    const auto certificate = net::read_certificate(server.tls_certificate);
    boost::asio::io_context io;
    const auto pair = net::TlsFront::create(io.get_executor(), server.tls_certificate, server.tls_key);
    if (!certificate || !pair) {
        auto check = failed("configuration", "certificate", certificate ? pair.error() : certificate.error());
        check.place = place;
        return check;
    }
    const auto left = std::chrono::floor<std::chrono::days>(certificate->expires - std::chrono::system_clock::now());
    const auto day = std::chrono::floor<std::chrono::days>(certificate->expires);
    const bool over = certificate->expires <= std::chrono::system_clock::now();
    return {.group = "configuration",
            .name = "certificate",
            .state = over          ? CheckState::fail
                     : left < soon ? CheckState::warn
                                   : CheckState::ok,
            .text = over ? fmt::format("{} has expired on {:%F}", certificate->subject, day)
                         : fmt::format("{}, until {:%F} ({} days)", certificate->subject, day, left.count()),
            .advice = left < soon ? "Renew it, and restart sarai." : "",
            .place = left < soon ? place : ""};
}

}  // namespace

Checks look_at_folders(const config::Config& config) {
    Checks checks;
    const auto runtime = engine::runtime_parent(config.engine.runtime_dir);
    checks.push_back(look_at({.name = "runtime",
                              .path = runtime,
                              .key = "engine.runtime_dir",
                              .is_shared = config.engine.runtime_dir.empty()}));
    if (const auto fits = engine::check_runtime_parent(runtime); !fits) {
        checks.back().state = CheckState::fail;
        checks.back().text = fits.error().message;
        checks.back().advice = fits.error().hint;
    }
    checks.push_back(look_at_scratch());
    checks.push_back(look_at({.name = "state",
                              .path = history::state_folder(config.engine.state_dir),
                              .key = "engine.state_dir (SARAI_STATE_DIR)"}));
    checks.push_back(look_at({.name = "library",
                              .path = library_folder(config.library),
                              .key = "library.path",
                              .enough = GiB(1)}));  // what pulls leave free
    if (!config.web.audit_log.empty())
        checks.push_back(
            look_at({.name = "audit log", .path = config.web.audit_log.parent_path(), .key = "web.audit_log"}));
    return checks;
}

Checks look_at_secrets(const cli::Written& written) {
    Checks checks;
    const auto& file = written.config.file;
    if (holds_a_key(written.file) && others_may_read(file)) checks.push_back(readable_by_others("keys", file));
    if (const auto environment = file.parent_path() / ".env"; others_may_read(environment)) {
        auto check = readable_by_others(".env", environment);
        check.text = fmt::format("others may read {}, where keys are kept", environment.string());
        checks.push_back(std::move(check));
    }
    const auto& server = written.config.server;
    if (server.tls_certificate.empty()) return checks;
    checks.push_back(look_at_certificate(written));
    if (others_may_read(server.tls_key)) {
        auto check = readable_by_others("private key", server.tls_key);
        check.text = fmt::format("others may read {}", server.tls_key.string());
        checks.push_back(std::move(check));
    }
    return checks;
}

}  // namespace sarai::app
