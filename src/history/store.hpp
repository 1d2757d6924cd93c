// What sarai remembers between runs, in `history.db`: plans, and what loads have shown.
//
// One SQLite file (write-ahead log), shared by every sarai process of a user: a crash in the middle of a write loses
// that write and nothing else. It is a memory, never a condition: whatever is wrong with it (corrupt, locked, full, no
// place to write, of a newer sarai) is logged once, and the answer is "not known". Deleting it is always safe.
//
// Calls take well under a millisecond, but one that finds another process writing waits up to `Options::patience`, so
// they belong on a thread of their own. A Store is used by one thread at a time.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "memory/learned.hpp"

namespace sarai::history {

// `chosen`, else $SARAI_STATE_DIR, else $XDG_STATE_HOME/sarai, else ~/.local/state/sarai; empty where there is no home
// either. The variables are looked up with `variable` (null: not set).
[[nodiscard]] std::filesystem::path state_folder(const std::filesystem::path& chosen,
                                                 const char* (*variable)(const char*));
[[nodiscard]] std::filesystem::path state_folder(const std::filesystem::path& chosen);

struct Options {
    std::chrono::milliseconds patience{200};  // how long another process may hold up one call
    std::optional<int> max_pages = {};  // the file grows to so many pages and no further; for tests of a full disk
    int max_plans = 4096;               // the oldest are dropped; a plan takes about 1.5 KB
};

class Store {
public:
    // Makes the folder (mode 0700) and the file where they are missing. Never fails: see trouble().
    [[nodiscard]] static Store open(const std::filesystem::path& folder, const Options& options = {});
    ~Store();
    Store(Store&&) noexcept;
    Store& operator=(Store&&) = delete;

    // What was kept for a key (history/key.hpp): what the measuring child printed.
    [[nodiscard]] std::optional<std::string> plan(std::string_view key);
    void keep_plan(std::string_view key, std::string_view printed);

    // Which libraries programs were seen to load.
    [[nodiscard]] std::optional<std::vector<std::filesystem::path>> libraries(std::string_view programs_key);
    void keep_libraries(std::string_view programs_key, const std::vector<std::filesystem::path>& libraries);

    [[nodiscard]] std::optional<memory::Learned> learned(std::string_view key);
    // Adds to what is known of observation.key, in one transaction.
    void add(const memory::Observation& observation);

    // Why it does not remember all it should, if so: the first thing that went wrong.
    [[nodiscard]] const std::optional<Error>& trouble() const;

private:
    struct Database;
    explicit Store(std::unique_ptr<Database> database);
    std::unique_ptr<Database> database_;
};

}  // namespace sarai::history
