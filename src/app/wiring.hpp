// From a configuration to what the pool takes: specs, endpoints, and the ports behind which workers and servers are.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "app/measure.hpp"
#include "config/config.hpp"
#include "engine/cgroup.hpp"
#include "net/http_client.hpp"
#include "pool/ports.hpp"

namespace sarai::app {

struct Built;  // what is behind the ports

struct Wiring {
    std::vector<pool::ModelSpec> models;        // in the configuration's order
    std::vector<pool::EndpointSpec> endpoints;  // shared by models that name the same server
    std::vector<pool::ModelIndex> preload;
    pool::Ports ports;
    std::shared_ptr<Built> built;
};

// As the configuration spells it.
[[nodiscard]] pool::Policy policy_named(std::string_view name);

// `config` and `measurer` must outlive the wiring. With `cgroups`, every worker gets one of its own, limited to its
// plan. Errors: invalid_argument (a URL), not_found (no llama-server or sarai-whisper where local models need it).
[[nodiscard]] Result<Wiring> wire(boost::asio::any_io_executor executor, const config::Config& config,
                                  const std::filesystem::path& runtime_dir, Measurer& measurer,
                                  std::shared_ptr<engine::CgroupTree> cgroups);

// Errors: as of wire(), for a configuration that is to be taken over by a daemon whose engine stays what it is.
[[nodiscard]] Result<void> can_be_wired(const config::Config& config, const config::Engine& engine);
// The configuration that was wired has more models by now, and some are retired. `preload` is that of the new ones.
[[nodiscard]] Result<void> rewire(boost::asio::any_io_executor executor, const config::Config& config, Wiring& wiring);

}  // namespace sarai::app
