// Who a request comes from, by the key that it brings, and how much of what that key may have is left.
//
// It belongs to the gateway's strand. Keys are known by their SHA-256 alone and compared in constant time. Limits are
// token buckets of a minute: as much as a minute brings may come at once, and comes back evenly. No clock and no I/O:
// the time is an argument.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "config/config.hpp"

namespace sarai::access {

using Time = std::chrono::steady_clock::time_point;

// What is left of a limit, for the x-ratelimit-* headers.
struct Allowance {
    std::int64_t limit = 0;  // 0: there is none
    std::int64_t remaining = 0;
    std::chrono::milliseconds reset{};  // until all of it is back
};

// The use that one key has made; shared by its visits.
struct Account {
    double requests = 0;  // left in the bucket
    double tokens = 0;    // negative: answers took more than there was; refused until it is back
    Time filled;
    int running = 0;
};

// A request that was let in: counts as running until it is destroyed.
class Visit {
public:
    Visit() = default;
    // Null: no keys are asked for.
    Visit(const config::ApiKey* key, std::shared_ptr<Account> account)
        : key_(key == nullptr ? nullptr : std::make_shared<const config::ApiKey>(*key)), account_(std::move(account)) {}
    ~Visit() { leave(); }
    Visit(Visit&& other) noexcept = default;
    Visit& operator=(Visit&& other) noexcept {
        leave();
        key_ = std::move(other.key_);
        account_ = std::move(other.account_);
        return *this;
    }
    // As it was when the request was let in: the configuration may be loaded again meanwhile. Null: no keys are asked
    // for.
    [[nodiscard]] const config::ApiKey* key() const { return key_.get(); }
    // Prompt and answer.
    void spend(std::int64_t tokens) {
        if (account_) account_->tokens -= static_cast<double>(std::max<std::int64_t>(0, tokens));
    }

private:
    void leave() {
        if (account_) --account_->running;
    }

    std::shared_ptr<const config::ApiKey> key_;
    std::shared_ptr<Account> account_;
};

class Keyring {
public:
    // `access` is read at each request: it changes when the configuration is loaded again.
    explicit Keyring(const config::Access& access) : access_(access) {}

    // Errors: unauthorized for no or an unknown key. Null where no keys are asked for.
    [[nodiscard]] Result<const config::ApiKey*> who(std::string_view presented) const;
    // Errors: rate_limited with retry_after, and a message that names the limit.
    [[nodiscard]] Result<Visit> enter(const config::ApiKey* key, Time now);
    struct Left {
        Allowance requests;
        Allowance tokens;
    };
    [[nodiscard]] Left left(const config::ApiKey& key, Time now);

private:
    Account& account_of(const config::ApiKey& key, Time now);

    const config::Access& access_;
    std::map<std::string, std::shared_ptr<Account>, std::less<>> accounts_;  // by the key's name
};

// May `key` use `model`? Errors: forbidden.
[[nodiscard]] Result<void> may_use(const config::ApiKey* key, std::string_view model);
[[nodiscard]] bool is_listed(const config::ApiKey* key, std::string_view model);
// An error whose hint lists models, for a key that may not know of all.
[[nodiscard]] Error without_names(Error error, const config::ApiKey* key);
// May it change what the server has? Errors: forbidden.
[[nodiscard]] Result<void> may_manage(const config::ApiKey* key);

}  // namespace sarai::access
