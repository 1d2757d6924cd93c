#include "app/router_eyes.hpp"

#include <memory>

namespace sarai::app {
namespace {

Result<std::shared_ptr<const router::Classifier>> open(const std::filesystem::path& weights, router::Size size) {
    auto classifier = weights.empty() ? router::Classifier::built_in(size) : router::Classifier::open(weights);
    if (!classifier) return std::unexpected(std::move(classifier.error()));
    return std::make_shared<const router::Classifier>(std::move(*classifier));
}

}  // namespace

Result<router::Eyes> open_eyes(const config::Routing& routing) {
    auto large = open(routing.weights, router::Size::router);
    if (!large) return std::unexpected(std::move(large.error()));
    auto mini = open(routing.mini_weights, router::Size::mini);
    if (!mini) return std::unexpected(std::move(mini.error()));
    return router::Eyes{.router = [one = *large](std::string_view text) { return one->score(text); },
                        .mini = [one = *mini](std::string_view text) { return one->score(text); },
                        .familiar_enough = (*large)->familiar_enough(),
                        .mini_familiar_enough = (*mini)->familiar_enough()};
}

}  // namespace sarai::app
