// What targets need of the world outside: the other end of a connection under test, and a folder for files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace sarai::fuzz {

// A plain socket that sends exactly the bytes it is told to, and never blocks.
class RawSocket {
public:
    // Connected to a port of this machine, each time from another of its addresses: one alone would run out of ports
    // that are not still closing, after some 28,000 connections a minute.
    [[nodiscard]] static RawSocket connect(std::uint16_t port);
    [[nodiscard]] static RawSocket listen(const std::filesystem::path& unix_socket);
    ~RawSocket();
    RawSocket(RawSocket&& other) noexcept;
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;

    // Of a listener: the connection that waits; one that is not open where there is none.
    [[nodiscard]] RawSocket accept() const;
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

    // As much as the kernel takes at once.
    void send(std::string_view bytes) const;
    void end_sending() const;
    // Adds what has come to `into`; false once the other side has ended.
    [[nodiscard]] bool receive(std::string& into) const;

private:
    explicit RawSocket(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// A folder of this process alone, removed at its end.
class PrivateFolder {
public:
    PrivateFolder();
    ~PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace sarai::fuzz
