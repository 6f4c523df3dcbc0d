/**
 * The system calls that containers may make. An allow-list: what is not named fails with EPERM, as if the
 * container lacked the right. After Docker's default profile, and stricter: no keys of the kernel (keyctl), no
 * io_uring, no namespaces and mounts for anybody.
 */
import type { HostFacts } from './config-json.ts';

interface Rule {
  names: string[];
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
}

export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  syscalls: unknown[];
}

const allowed = `
  _llseek _newselect accept accept4 access adjtimex alarm arch_prctl arm_fadvise64_64
  arm_sync_file_range bind breakpoint brk cacheflush cachestat capget capset chdir chmod chown chown32
  clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
  close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
  epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat
  faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat
  fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64
  fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv
  futex_wake futimesat get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64
  getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername
  getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32
  getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr
  inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
  io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill
  landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat
  listen listxattr llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack mbind
  membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap
  mmap2 modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64
  mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock
  munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open
  pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64
  preadv preadv2 prlimit64 process_madvise process_mrelease pselect6 pselect6_time64 ptrace pwrite64
  pwritev pwritev2 read readahead readdir readlink readlinkat readv recv recvfrom recvmmsg
  recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir
  rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
  rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
  sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
  sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64
  sendmmsg sendmsg sendto set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area
  set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
  setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
  setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown
  sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend socketcall
  socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
  sync_file_range2 syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
  timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd timerfd_create timerfd_gettime
  timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask
  uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork wait4 waitid waitpid write writev
`;

/** Calls that need a capability to do harm are let through to whoever has it. */
const withCapability: Record<string, string> = {
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64 clock_adjtime clock_adjtime64',
  CAP_SYS_ADMIN:
    'mount umount umount2 mount_setattr move_mount open_tree fsconfig fsmount fsopen fspick pivot_root setns unshare bpf perf_event_open quotactl setdomainname sethostname fanotify_init fanotify_mark lookup_dcookie syslog clone',
  CAP_SYSLOG: 'syslog',
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_MODULE: 'init_module finit_module delete_module',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_vm_readv process_vm_writev',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_NICE: 'migrate_pages move_pages',
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
};

const enosys = 38;
/** CLONE_NEW*: a new process may not take new namespaces along. */
const namespaceFlags = 0x7e020000;
/** All but AF_ALG (38) and AF_VSOCK (40): the kernel's ciphers, and the machine this one runs on. */
const openSockets = [
  { value: 38, op: 'SCMP_CMP_LT' },
  { value: 39, op: 'SCMP_CMP_EQ' },
  { value: 40, op: 'SCMP_CMP_GT' },
];
const plainPersonalities = [0, 8, 0x20000, 0x20008, 0xffffffff];

const architectures: Partial<Record<NodeJS.Architecture, string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** For a container with these capabilities. */
export function defaultSeccomp(
  capabilities: readonly string[],
  { architecture }: Pick<HostFacts, 'architecture'>,
): SeccompProfile {
  const extra = capabilities.flatMap((name) => wordsOf(withCapability[name] ?? ''));
  const syscalls: Rule[] = [
    { names: [...wordsOf(allowed), ...extra], action: 'SCMP_ACT_ALLOW' },
    ...openSockets.map((arg): Rule => {
      const args = [{ index: 0, ...arg }];
      return { names: ['socket'], action: 'SCMP_ACT_ALLOW', args };
    }),
    ...plainPersonalities.map((value): Rule => {
      const args = [{ index: 0, value, op: 'SCMP_CMP_EQ' }];
      return { names: ['personality'], action: 'SCMP_ACT_ALLOW', args };
    }),
  ];
  if (!extra.includes('clone')) {
    const args = [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }];
    syscalls.push({ names: ['clone'], action: 'SCMP_ACT_ALLOW', args });
  }
  // Its flags lie in memory, where no filter can see them: libraries fall back on clone.
  syscalls.push({ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: enosys });
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: architectures[architecture] ?? [],
    syscalls,
  };
}

/** A profile of an operator, in Docker's or OCI's form. Throws an Error that says what is wrong with it. */
export function parseSeccomp(text: string): SeccompProfile {
  const { defaultAction, defaultErrnoRet, architectures: named, syscalls } = JSON.parse(text);
  if (typeof defaultAction !== 'string' || !Array.isArray(syscalls))
    throw new Error('has no defaultAction, or no syscalls');
  return {
    defaultAction,
    ...(typeof defaultErrnoRet === 'number' ? { defaultErrnoRet } : {}),
    ...(Array.isArray(named) ? { architectures: named } : {}),
    syscalls: syscalls.map(({ names, action, errnoRet, args }: Rule) => ({
      ...{ names, action },
      ...(errnoRet === undefined ? {} : { errnoRet }),
      ...(args ? { args } : {}),
    })),
  };
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}
