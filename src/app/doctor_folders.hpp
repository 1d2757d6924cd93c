// The folders that sarai writes to, and the files that it should keep to itself, as `sarai doctor` sees them.
#pragma once

#include "app/doctor_machine.hpp"

namespace sarai::app {

// Makes no folder; in those that are there it makes a file for a moment.
[[nodiscard]] Checks look_at_folders(const config::Config& config);

// The configuration and `.env` beside it, where they hold keys; the certificate and its private key.
[[nodiscard]] Checks look_at_secrets(const cli::Written& written);

}  // namespace sarai::app
