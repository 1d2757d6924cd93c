#include "engine/cage.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>

namespace sarai::engine {
namespace {

#if defined(__x86_64__)
constexpr unsigned own_arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned own_arch = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr unsigned own_arch = AUDIT_ARCH_RISCV64;
#else
#error "add this processor's AUDIT_ARCH_…, see linux/audit.h"
#endif

constexpr sock_filter step(unsigned code, unsigned operand) {
    return {.code = static_cast<__u16>(code), .jt = 0, .jf = 0, .k = operand};
}
constexpr sock_filter jump(unsigned code, unsigned operand, unsigned char yes, unsigned char no) {
    return {.code = static_cast<__u16>(code), .jt = yes, .jf = no, .k = operand};
}

// No sockets: not by socket(), not by io_uring's own way to make one, and not by the numbers that the same calls have
// for programs of another architecture (32 bits, x32 with its bit 30). socketpair() reaches nobody and stays.
constexpr std::array no_sockets{
    step(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
    jump(BPF_JMP | BPF_JEQ | BPF_K, own_arch, 0, 5),
    step(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    jump(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 3, 0),
    jump(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 2, 0),
    jump(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 1, 0),
    step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    step(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
};

#if defined(__x86_64__)
// The kernel lends AMX's registers to those alone who ask: arch_prctl(ARCH_REQ_XCOMP_PERM, …), see its
// Documentation/arch/x86/xstate.rst. The operand's lower half decides: this is a little-endian machine.
constexpr unsigned ask_for_registers = 0x1023;
constexpr std::array no_amx{
    step(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
    jump(BPF_JMP | BPF_JEQ | BPF_K, own_arch, 0, 5),
    step(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    jump(BPF_JMP | BPF_JEQ | BPF_K, __NR_arch_prctl, 0, 3),
    step(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
    jump(BPF_JMP | BPF_JEQ | BPF_K, ask_for_registers, 0, 1),
    step(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
#else
constexpr std::array no_amx{step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
#endif

// From here on, each system call is asked for; filters add up.
bool filter(std::span<const sock_filter> steps) {
    // The kernel reads the program and does not change it.
    const sock_fprog program{.len = static_cast<unsigned short>(steps.size()),
                             .filter = const_cast<sock_filter*>(steps.data())};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

template <class Which>
bool limit(Which which, std::int64_t most) {
    if (most <= 0) return true;
    const auto value = static_cast<rlim_t>(most);
    const rlimit both{.rlim_cur = value, .rlim_max = value};
    return ::setrlimit(which, &both) == 0;
}

}  // namespace

bool lock_in(const Cage& cage) {
    if (!limit(RLIMIT_AS, cage.address_space.count) || !limit(RLIMIT_DATA, cage.data.count) ||
        !limit(RLIMIT_FSIZE, cage.file_size.count) || !limit(RLIMIT_CPU, cage.cpu.count()))
        return false;
    return (cage.network || filter(no_sockets)) && (cage.amx || filter(no_amx));
}

}  // namespace sarai::engine
