//! The filter of system calls under which everything in a sandbox runs.
//!
//! A list of what is refused: compilers and test suites use too much to list what is allowed. It
//! closes what needs no capability and has been a way out before (io_uring, bpf, keyrings, user
//! namespaces, ptrace, …), and what namespaces do not cover (other socket families, set-user-id
//! files on a mounted folder). Written out as classic BPF, in which the kernel takes it.

use crate::bad;
use crate::error::Result;
use libc::c_long;

const RET: u16 = 0x06;
const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_ANY_BIT: u16 = 0x45;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = ERRNO | libc::EPERM as u32;
const ENOSYS: u32 = ERRNO | libc::ENOSYS as u32;
const EAFNOSUPPORT: u32 = ERRNO | libc::EAFNOSUPPORT as u32;

/// Offsets in the kernel's `seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

#[cfg(target_arch = "x86_64")]
const OWN_ARCHITECTURE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const OWN_ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
#[cfg(target_arch = "riscv64")]
const OWN_ARCHITECTURE: Option<u32> = Some(0xc000_00f3);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const OWN_ARCHITECTURE: Option<u32> = None;

/// Refused whatever their arguments.
const REFUSED: &[c_long] = &[
    // Other processes, and the kernel's own keyrings.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    // Large parts of the kernel that builds have no use for.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_open_by_handle_at,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    // The machine itself.
    libc::SYS_acct,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    KEXEC_FILE_LOAD,
    libc::SYS_quotactl,
    QUOTACTL_FD,
    libc::SYS_reboot,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// Those whose arguments are behind a pointer, where a filter cannot look: as if the kernel were
/// too old for them, so that C libraries take the older call.
const UNKNOWN: &[c_long] = &[libc::SYS_clone3, libc::SYS_openat2, FCHMODAT2, MEMFD_SECRET];

// Those that the crate libc does not have everywhere. From 424 on all architectures have the same.
const QUOTACTL_FD: c_long = 443;
const MEMFD_SECRET: c_long = 447;
const FCHMODAT2: c_long = 452;
const OPEN_TREE_ATTR: c_long = 467;
#[cfg(target_arch = "x86_64")]
const KEXEC_FILE_LOAD: c_long = 320;
#[cfg(not(target_arch = "x86_64"))]
const KEXEC_FILE_LOAD: c_long = 294;

/// `CLONE_NEW…`, but for `NEWTIME`, whose bit is part of the signal in `clone`.
const NEW_NAMESPACES: u32 = 0x7e02_0000;
const SET_ID: u32 = 0o6000;
const CREATES: u32 = (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) as u32;
/// Segments of System V shared memory can be large only where the watcher sees them: nowhere.
const LARGEST_SEGMENT: u32 = 1 << 20;

/// One instruction: code, jumps, operand.
type Instruction = (u16, u8, u8, u32);

/// The filter as `bwrap --seccomp` reads it.
///
/// # Errors
/// `Bad` on a processor whose system calls are not known here.
pub(super) fn filter() -> Result<Vec<u8>> {
    let Some(own) = OWN_ARCHITECTURE else {
        return Err(bad!("wheelwright has no system call filter for this CPU ({})", std::env::consts::ARCH));
    };
    let mut bytes = Vec::with_capacity(4096);
    for (code, yes, no, operand) in program(own) {
        bytes.extend_from_slice(&code.to_ne_bytes());
        bytes.extend_from_slice(&[yes, no]);
        bytes.extend_from_slice(&operand.to_ne_bytes());
    }
    Ok(bytes)
}

fn program(own: u32) -> Vec<Instruction> {
    let mut program = vec![
        (LOAD, 0, 0, ARCHITECTURE),
        // Calls of another architecture, such as those of 32-bit programs, have other numbers.
        (JUMP_EQUAL, 1, 0, own),
        (RET, 0, 0, ENOSYS),
        (LOAD, 0, 0, NUMBER),
        // So have the calls of the x32 ABI, which counts as x86-64.
        (JUMP_GREATER, 0, 1, 0x3fff_ffff),
        (RET, 0, 0, ENOSYS),
    ];
    let refused = REFUSED.iter().map(|call| (*call, EPERM));
    for (call, answer) in refused.chain(UNKNOWN.iter().map(|call| (*call, ENOSYS))) {
        program.extend([(JUMP_EQUAL, 0, 1, number(call)), (RET, 0, 0, answer)]);
    }
    for (call, body) in conditional() {
        program.push((JUMP_EQUAL, 0, u8::try_from(body.len() + 1).unwrap_or(u8::MAX), number(call)));
        program.extend(body);
        program.push((RET, 0, 0, ALLOW));
    }
    program.push((RET, 0, 0, ALLOW));
    program
}

/// What decides by its arguments: instructions that refuse, or fall through.
fn conditional() -> Vec<(c_long, Vec<Instruction>)> {
    let families = vec![
        (LOAD, 0, 0, argument(0)),
        (JUMP_EQUAL, 3, 0, libc::AF_UNIX as u32),
        (JUMP_EQUAL, 2, 0, libc::AF_INET as u32),
        (JUMP_EQUAL, 1, 0, libc::AF_INET6 as u32),
        (RET, 0, 0, EAFNOSUPPORT),
    ];
    // Input for the terminal of whoever started the worker.
    let terminal = vec![
        (LOAD, 0, 0, argument(1)),
        (JUMP_EQUAL, 1, 0, libc::TIOCSTI as u32),
        (JUMP_EQUAL, 0, 1, libc::TIOCLINUX as u32),
        (RET, 0, 0, EPERM),
    ];
    let segment = vec![
        (LOAD, 0, 0, argument(1) + 4),
        (JUMP_GREATER, 2, 0, 0),
        (LOAD, 0, 0, argument(1)),
        (JUMP_GREATER, 0, 1, LARGEST_SEGMENT),
        (RET, 0, 0, EPERM),
    ];
    let mut list = vec![
        (libc::SYS_socket, families.clone()),
        (libc::SYS_socketpair, families),
        (libc::SYS_ioctl, terminal),
        (libc::SYS_shmget, segment),
        (libc::SYS_clone, any_bit(0, NEW_NAMESPACES)),
        (libc::SYS_fchmod, any_bit(1, SET_ID)),
        (libc::SYS_fchmodat, any_bit(2, SET_ID)),
        (libc::SYS_mknodat, any_bit(2, SET_ID)),
        (libc::SYS_openat, created(2)),
    ];
    #[cfg(target_arch = "x86_64")]
    list.extend([
        (libc::SYS_chmod, any_bit(1, SET_ID)),
        (libc::SYS_creat, any_bit(1, SET_ID)),
        (libc::SYS_mknod, any_bit(1, SET_ID)),
        (libc::SYS_open, created(1)),
    ]);
    list
}

/// Refuses if one of the bits is set.
fn any_bit(position: u32, bits: u32) -> Vec<Instruction> {
    vec![(LOAD, 0, 0, argument(position)), (JUMP_ANY_BIT, 0, 1, bits), (RET, 0, 0, EPERM)]
}

/// Refuses files that are made set-user-id; the mode means something only when a file is made.
fn created(flags: u32) -> Vec<Instruction> {
    vec![
        (LOAD, 0, 0, argument(flags)),
        (JUMP_ANY_BIT, 0, 3, CREATES),
        (LOAD, 0, 0, argument(flags + 1)),
        (JUMP_ANY_BIT, 0, 1, SET_ID),
        (RET, 0, 0, EPERM),
    ]
}

/// Where the lower half of an argument is: the architectures above are little-endian.
fn argument(position: u32) -> u32 {
    16 + 8 * position
}

fn number(call: c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}
