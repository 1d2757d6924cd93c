#include "net/service_manager.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "net/http_server.hpp"

namespace sarai::net::service_manager_test {
namespace {

struct Variable {
    const char* name;
    Variable(const char* n, const std::string& value) : name(n) { ::setenv(name, value.c_str(), 1); }
    ~Variable() { ::unsetenv(name); }
};

TEST(ServiceManager, HearsAStateAsOneDatagram) {
    const auto name = "@sarai-notify-test-" + std::to_string(::getpid());
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    name.copy(address.sun_path + 1, name.size() - 1, 1);
    const int listener = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), length), 0);
    const Variable set("NOTIFY_SOCKET", name);
    EXPECT_TRUE(tell_service_manager("READY=1"));
    std::array<char, 64> got{};
    const auto count = ::recv(listener, got.data(), got.size(), MSG_DONTWAIT);
    EXPECT_EQ(std::string(got.data(), count > 0 ? static_cast<std::size_t>(count) : 0), "READY=1");
    ::close(listener);
}

TEST(ServiceManager, IsNotThereWithoutItsVariable) {
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_FALSE(tell_service_manager("READY=1"));
    EXPECT_FALSE(watchdog_period());
    EXPECT_EQ(passed_socket().value(), std::nullopt);
}

TEST(ServiceManager, ItsWatchdogIsForTheProcessThatItNames) {
    const Variable period("WATCHDOG_USEC", "30000000");
    EXPECT_EQ(watchdog_period(), std::chrono::seconds(30));
    {
        const Variable own("WATCHDOG_PID", std::to_string(::getpid()));
        EXPECT_EQ(watchdog_period(), std::chrono::seconds(30));
    }
    const Variable other("WATCHDOG_PID", "1");
    EXPECT_FALSE(watchdog_period());
}

TEST(ServiceManager, ASocketForAnotherProcessIsNotTaken) {
    const Variable pid("LISTEN_PID", "1");
    const Variable count("LISTEN_FDS", "1");
    EXPECT_EQ(passed_socket().value(), std::nullopt);
}

// The place where a service manager puts it is somebody else's meanwhile.
class PassedSocket : public testing::Test {
protected:
    PassedSocket() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener, 8), 0);
        EXPECT_EQ(::dup2(listener, 3), 3);
        ::close(listener);
    }
    ~PassedSocket() override {
        if (kept >= 0) {
            ::dup2(kept, 3);
            ::close(kept);
        }
    }
    const int kept = ::dup(3);
    const Variable pid{"LISTEN_PID", std::to_string(::getpid())};
    const Variable count{"LISTEN_FDS", "1"};
    asio::io_context io;
    HttpServer server{io.get_executor(),
                      {},
                      [](Exchange&) -> asio::awaitable<void> { co_return; },
                      [](const Error&, std::string_view) { return Reply{}; }};
};

TEST_F(PassedSocket, IsListenedOn) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ASSERT_EQ(::getsockname(3, reinterpret_cast<sockaddr*>(&address), &length), 0);
    const auto port = server.listen("127.0.0.1", 0);
    ASSERT_TRUE(port) << describe(port.error());
    EXPECT_EQ(*port, ntohs(address.sin_port));
}

TEST_F(PassedSocket, OfAnotherAddressThanTheConfigurationsIsRefused) {
    const auto port = server.listen("127.0.0.2", 0);
    ASSERT_FALSE(port);
    EXPECT_NE(describe(port.error()).find("passed a socket of 127.0.0.1:"), std::string::npos);
    EXPECT_NE(describe(port.error()).find("expected 127.0.0.2:0"), std::string::npos);
}

TEST_F(PassedSocket, IsRefusedWithOthersBesideItThatNobodyWouldAnswer) {
    const Variable two("LISTEN_FDS", "2");
    const auto port = server.listen("127.0.0.1", 0);
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().code, Code::invalid_argument);
    EXPECT_EQ(describe(port.error()),
              "the service manager has passed 2 sockets, expected one (server.listen). Leave one ListenStream= in "
              "sarai.socket.");
}

}  // namespace
}  // namespace sarai::net::service_manager_test
