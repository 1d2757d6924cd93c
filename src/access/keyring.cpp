#include "access/keyring.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cmath>

#include "base/sha256.hpp"

namespace sarai::access {
namespace {

using std::chrono::duration;
using Minutes = duration<double, std::ratio<60>>;

double limit_of(std::int64_t configured) { return static_cast<double>(configured); }

// Until a bucket with `have` holds `want`.
std::chrono::milliseconds time_until(double have, double want, double per_minute) {
    if (have >= want || per_minute <= 0) return {};
    return std::chrono::ceil<std::chrono::milliseconds>(Minutes((want - have) / per_minute));
}

Allowance allowance_of(double have, std::int64_t limit) {
    if (limit == 0) return {};
    return {.limit = limit,
            .remaining = static_cast<std::int64_t>(std::max(0.0, std::floor(have))),
            .reset = time_until(have, limit_of(limit), limit_of(limit))};
}

std::unexpected<Error> refuse(const config::ApiKey& key, std::string_view what, std::chrono::milliseconds wait) {
    const auto seconds = std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(wait));
    return std::unexpected(
        Error{.code = Code::rate_limited,
              .message = fmt::format("the key of '{}' {}", key.name, what),
              .hint = fmt::format("Try again in {} {}.", seconds.count(), seconds.count() == 1 ? "second" : "seconds"),
              .retry_after = seconds});
}

}  // namespace

Result<const config::ApiKey*> Keyring::who(std::string_view presented) const {
    if (access_.keys.empty()) return nullptr;
    if (presented.empty())
        return fail(Code::unauthorized, "this server asks for an API key",
                    "Send it as \"Authorization: Bearer KEY\" or \"x-api-key: KEY\".");
    const auto hash = sha256_hex(presented);
    const config::ApiKey* found = nullptr;
    // All of them, whichever fits: the time tells nothing.
    for (const auto& key : access_.keys)
        if (key.sha256.size() == hash.size() && CRYPTO_memcmp(key.sha256.data(), hash.data(), hash.size()) == 0)
            found = &key;
    if (found == nullptr) return fail(Code::unauthorized, "the API key is not known here");
    return found;
}

Account& Keyring::account_of(const config::ApiKey& key, Time now) {
    auto& account = accounts_[key.name];
    if (!account)
        account = std::make_shared<Account>(Account{
            .requests = limit_of(key.requests_per_minute), .tokens = limit_of(key.tokens_per_minute), .filled = now});
    const double minutes = Minutes(now - account->filled).count();
    account->filled = now;
    const auto fill = [&](double& bucket, std::int64_t limit) {
        bucket = std::min(limit_of(limit), limit == 0 ? 0 : bucket + minutes * limit_of(limit));
    };
    fill(account->requests, key.requests_per_minute);
    fill(account->tokens, key.tokens_per_minute);
    return *account;
}

Result<Visit> Keyring::enter(const config::ApiKey* key, Time now) {
    if (key == nullptr) return Visit{};
    auto& account = account_of(*key, now);
    if (key->concurrency > 0 && account.running >= key->concurrency)
        return refuse(*key, fmt::format("has {} of {} requests running", account.running, key->concurrency), {});
    if (key->requests_per_minute > 0 && account.requests < 1)
        return refuse(*key, fmt::format("has had its {} requests per minute", key->requests_per_minute),
                      time_until(account.requests, 1, limit_of(key->requests_per_minute)));
    if (key->tokens_per_minute > 0 && account.tokens <= 0)
        return refuse(*key, fmt::format("has had its {} tokens per minute", key->tokens_per_minute),
                      time_until(account.tokens, 1, limit_of(key->tokens_per_minute)));
    if (key->requests_per_minute > 0) account.requests -= 1;
    ++account.running;
    return Visit(key, accounts_.find(key->name)->second);
}

Keyring::Left Keyring::left(const config::ApiKey& key, Time now) {
    const auto& account = account_of(key, now);
    return {.requests = allowance_of(account.requests, key.requests_per_minute),
            .tokens = allowance_of(account.tokens, key.tokens_per_minute)};
}

bool is_listed(const config::ApiKey* key, std::string_view model) {
    if (key == nullptr || key->models.empty()) return true;
    constexpr std::string_view latest = ":latest";  // as Ollama's clients say it
    const auto plain = model.ends_with(latest) ? model.substr(0, model.size() - latest.size()) : model;
    return std::ranges::any_of(key->models, [&](const std::string& name) { return name == model || name == plain; });
}

Result<void> may_use(const config::ApiKey* key, std::string_view model) {
    if (is_listed(key, model)) return {};
    return std::unexpected(
        Error{.code = Code::forbidden,
              .message = fmt::format("the key of '{}' may not use model '{}'", key->name, model.substr(0, 128)),
              .field = "model"});
}

Error without_names(Error error, const config::ApiKey* key) {
    if (key != nullptr && !key->models.empty()) error.hint.clear();
    return error;
}

Result<void> may_manage(const config::ApiKey* key) {
    if (key == nullptr || key->admin) return {};
    return fail(Code::forbidden, fmt::format("the key of '{}' may not change what the server has", key->name),
                "Only keys with admin: true may.");
}

}  // namespace sarai::access
