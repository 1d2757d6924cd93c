// The store in a folder of this machine: `knowledge.db` of SQLite, which holds everything, and beside it indexes of the
// vectors (knowledge/vector_index.hpp), which can all be made again from it.
#pragma once

#include <filesystem>

#include "knowledge/store.hpp"

namespace sarai::knowledge {

[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& folder,
                                                               const Opening& opening = {});

}  // namespace sarai::knowledge
