#include "net/certificate.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>

namespace sarai::net {
namespace {

template <auto free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        free(object);
    }
};
using Bio = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using X509Pointer = std::unique_ptr<X509, Freed<&X509_free>>;

std::string subject_of(const X509& certificate) {
    const Bio text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
    char* bytes = nullptr;
    const long length = BIO_get_mem_data(text.get(), &bytes);
    return {bytes, static_cast<std::size_t>(std::max(0L, length))};
}

}  // namespace

Result<Certificate> read_certificate(const std::filesystem::path& file) {
    const Bio bytes(BIO_new_file(file.c_str(), "r"));
    if (!bytes) return fail(Code::invalid_argument, fmt::format("cannot read {}", file.string()));
    const X509Pointer certificate(PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr));
    std::tm end{};
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
        return fail(Code::invalid_argument, fmt::format("{} is no certificate in PEM format", file.string()));
    return Certificate{.subject = subject_of(*certificate),
                       .expires = std::chrono::system_clock::from_time_t(::timegm(&end))};
}

}  // namespace sarai::net
