// Where recordings and the files of conversions lie: on a disk, since what a tmpfs holds is RAM that no budget sees. A
// scratch folder (media/scratch.hpp) is one conversion's; this is the server's, with all of them.
#pragma once

#include <filesystem>

#include "base/error.hpp"
#include "engine/private_dir.hpp"

namespace sarai::media {

// $TMPDIR, else /var/tmp: /tmp is a tmpfs on many machines.
[[nodiscard]] std::filesystem::path scratch_parent();

// Is it, or the folder that it will be made in, of a file system whose files are RAM (tmpfs, ramfs)?
[[nodiscard]] bool is_in_memory(std::filesystem::path folder);

// A private one in scratch_parent(). Error: io, with what to set.
[[nodiscard]] Result<engine::PrivateDir> make_scratch_dir();

}  // namespace sarai::media
