// A folder that is removed at the end of a test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "support/temp_folder.hpp"

namespace sarai::history {

class Folder : public sarai::test::TempFolder {
public:
    std::filesystem::path write(std::string_view name, std::string_view text) const {
        std::ofstream(path() / name, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
        return path() / name;
    }
};

}  // namespace sarai::history
