// Starts a program of a relocatable package with the loader and the libraries that lie beside it, so that the C library
// of the machine does not matter. Linked statically; one file under the names of all programs in bin/:
//   bin/NAME → lib/ld-linux-x86-64.so.2 --argv0 …/bin/NAME --library-path …/lib …/libexec/NAME ARGUMENTS
// The process stays the same one, and no variable is set that programs of the machine (ffmpeg) would inherit to their
// harm: --library-path holds for this program alone. SARAI_CALLED_AS tells sarai its name as it was typed.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

// Certificates of the machine, which its owner keeps; OpenSSL looks only where Debian has them.
void point_to_certificates(const std::string& root) {
    if (std::getenv("SSL_CERT_FILE") != nullptr || std::getenv("SSL_CERT_DIR") != nullptr) return;
    const std::array<std::string, 5> places{"/etc/ssl/certs/ca-certificates.crt",  // Debian, Arch, Gentoo, Alpine
                                            "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, Red Hat
                                            "/etc/ssl/ca-bundle.pem",              // SUSE
                                            "/etc/ssl/cert.pem",                   // others
                                            root + "/lib/ca-certificates.crt"};    // none: Mozilla's, as of the package
    for (const auto& place : places) {
        if (::access(place.c_str(), R_OK) != 0) continue;
        ::setenv("SSL_CERT_FILE", place.c_str(), 0);
        return;
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::array<char, PATH_MAX> own{};
    const auto length = ::readlink("/proc/self/exe", own.data(), own.size());
    const std::string self(own.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    const auto slash = self.rfind('/');
    const auto above = slash == std::string::npos || slash == 0 ? slash : self.rfind('/', slash - 1);
    if (above == std::string::npos) {
        std::fprintf(stderr, "sarai: /proc/self/exe tells no path, is /proc mounted?\n");
        return 127;
    }
    const auto root = self.substr(0, above);
    const auto loader = root + "/lib/" SARAI_LOADER;
    const auto libraries = root + "/lib";
    const auto program = root + "/libexec" + self.substr(slash);
    point_to_certificates(root);
    if (argc > 0) ::setenv("SARAI_CALLED_AS", argv[0], 1);
    std::vector<const char*> arguments{loader.c_str(),   "--argv0",         self.c_str(),
                                       "--library-path", libraries.c_str(), program.c_str()};
    arguments.insert(arguments.end(), argv + (argc > 0 ? 1 : 0), argv + argc);
    arguments.push_back(nullptr);
    ::execv(loader.c_str(), const_cast<char* const*>(arguments.data()));
    std::fprintf(stderr, "sarai: cannot start %s: %s; is the installation complete?\n", loader.c_str(),
                 std::strerror(errno));
    return 127;
}
