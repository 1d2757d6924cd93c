// What does not answer is not waited for without end: a PostgreSQL that is silent, another process that keeps the lock.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string_view>
#include <thread>

#include "knowledge/pg_connection.hpp"
#include "knowledge/store.hpp"
#include "support/temp_folder.hpp"

namespace sarai::knowledge::silence_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto soon = 20s;  // a limit for hangs, not a measurement

// Takes connections, lets them in if it is told to, and says nothing more.
class SilentServer {
public:
    explicit SilentServer(bool lets_in) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in place{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
        socklen_t size = sizeof place;
        auto* const address = reinterpret_cast<sockaddr*>(&place);
        EXPECT_EQ(::bind(listener_, address, size), 0);
        EXPECT_EQ(::listen(listener_, 8), 0);
        EXPECT_EQ(::getsockname(listener_, address, &size), 0);
        port_ = ntohs(place.sin_port);
        thread_ = std::jthread([this, lets_in] { serve(lets_in); });
    }
    ~SilentServer() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    SilentServer(const SilentServer&) = delete;
    SilentServer& operator=(const SilentServer&) = delete;
    [[nodiscard]] std::string address(std::string_view more = "") const {
        return fmt::format("postgresql://sarai:secret@127.0.0.1:{}/x?sslmode=disable&gssencmode=disable{}", port_,
                           more);
    }

private:
    void serve(bool lets_in) const {
        std::vector<int> clients;
        for (int client = 0; (client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
            clients.push_back(client);
            std::array<char, 1024> startup{};
            // AuthenticationOk, ReadyForQuery
            constexpr std::string_view welcome("R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I", 15);
            if (lets_in && ::recv(client, startup.data(), startup.size(), 0) > 0)
                (void)!::send(client, welcome.data(), welcome.size(), MSG_NOSIGNAL);
        }
        for (const int client : clients) ::close(client);
    }

    int listener_;
    int port_ = 0;
    std::jthread thread_;
};

std::jthread stop_later(std::stop_source& stop) {
    return std::jthread([&stop] {
        std::this_thread::sleep_for(200ms);
        stop.request_stop();
    });
}

TEST(Silence, AStatementThatIsNotAnsweredBreaksTheConnection) {
    const SilentServer server(true);
    auto connection = PgConnection::open(server.address(), "");
    ASSERT_TRUE(connection) << describe(connection.error());
    const auto begun = Clock::now();
    for (int again = 0; again < 2; ++again) {  // on a new connection
        const auto rows = connection->query("BEGIN", {}, 300ms);
        ASSERT_FALSE(rows);
        EXPECT_EQ(rows.error().code, Code::unavailable);
        EXPECT_TRUE(rows.error().message.starts_with("PostgreSQL at 127.0.0.1 does not answer: BEGIN has taken "))
            << rows.error().message;
    }
    EXPECT_LT(Clock::now() - begun, soon);
}

TEST(Silence, ALoginHasAnEnd) {
    const SilentServer server(false);
    const auto begun = Clock::now();
    const auto store = open_store(server.address("&connect_timeout=1"));
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::unavailable);
    EXPECT_TRUE(store.error().message.contains("the login")) << store.error().message;
    EXPECT_FALSE(store.error().message.contains("secret"));
    EXPECT_LT(Clock::now() - begun, soon);
}

TEST(Silence, AStopEndsTheWaitForAnAnswer) {
    for (const bool lets_in : {false, true}) {
        const SilentServer server(lets_in);
        std::stop_source stop;
        const auto later = stop_later(stop);
        const auto begun = Clock::now();
        const auto store = open_store(server.address(), {.stop = stop.get_token()});
        ASSERT_FALSE(store);
        EXPECT_EQ(store.error().code, Code::cancelled) << describe(store.error());
        EXPECT_LT(Clock::now() - begun, 5s);
    }
}

TEST(Silence, AStopEndsTheWaitForAnotherWriter) {
    const test::TempFolder folder;
    auto store = open_store(folder.path());
    ASSERT_TRUE(store);
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open((folder.path() / "knowledge.db").c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    std::stop_source stop;
    (*store)->heed(stop.get_token());
    {
        const auto later = stop_later(stop);
        const auto begun = Clock::now();
        const auto made = (*store)->make_collection("docs", "m", 3);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().code, Code::cancelled) << describe(made.error());
        EXPECT_LT(Clock::now() - begun, soon);
    }
    sqlite3_close(other);
    (*store)->heed({});
    EXPECT_TRUE((*store)->make_collection("docs", "m", 3));
}

}  // namespace
}  // namespace sarai::knowledge::silence_test
