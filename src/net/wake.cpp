#include "net/wake.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <vector>

namespace sarai::net {
namespace asio = boost::asio;

Result<void> send_wake(const std::array<std::uint8_t, 6>& mac, const std::string& address, std::uint16_t port) {
    constexpr int copies = 16;
    std::vector<std::uint8_t> packet(mac.size(), 0xff);
    for (int i = 0; i < copies; ++i) packet.insert(packet.end(), mac.begin(), mac.end());

    boost::system::error_code ec;
    asio::io_context io;
    asio::ip::udp::socket socket(io);
    const auto to = asio::ip::make_address_v4(address, ec);
    if (!ec) socket.open(asio::ip::udp::v4(), ec);
    if (!ec) socket.set_option(asio::socket_base::broadcast(true), ec);
    if (!ec) socket.send_to(asio::buffer(packet), {to, port}, 0, ec);
    if (ec) return fail(Code::io, fmt::format("no packet could be sent to {}:{}: {}", address, port, ec.message()));
    return {};
}

}  // namespace sarai::net
