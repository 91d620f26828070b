//! Profiles made at random, of few calls, so that rules meet.

use filterc_testkit::rng::Rng;
use serde_json::{Value, json};

const NAMES: &[&str] = &[
    "read",
    "write",
    "openat",
    "socket",
    "bind",
    "socketcall",
    "ipc",
    "semget",
    "semop",
    "mmap",
    "clone",
    "fchmod",
    "personality",
    "lseek",
    "kill",
    "ioctl",
    "getpid",
    "pread64",
    "clone3",
    "no_such_call",
    "arch_prctl",
    "mseal",
];
const ACTIONS: &[&str] = &[
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_LOG",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];
const OPERATORS: &[&str] = &[
    "SCMP_CMP_EQ",
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_GT",
    "SCMP_CMP_GE",
    "SCMP_CMP_MASKED_EQ",
];
const VALUES: &[u64] = &[
    0,
    1,
    2,
    10,
    38,
    0xfff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0xffff_ffff_0000_0000,
    0xffff_ffff_ffff_ff9c,
    u64::MAX,
];

fn pick<T: Copy>(rng: &mut Rng, list: &[T]) -> T {
    *rng.pick(list).expect("it is not empty")
}

/// The profile of a seed.
pub(crate) fn generate(seed: u64) -> Value {
    // The first numbers of neighbouring seeds are alike.
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..8).for_each(|_| _ = rng.next());
    let rng = &mut rng;
    let entries: Vec<Value> = (0..=rng.below(8)).map(|_| entry(rng)).collect();
    let mut profile = json!({ "defaultAction": pick(rng, ACTIONS), "syscalls": entries });
    match rng.below(3) {
        0 => {
            profile["archMap"] = json!([
                { "architecture": "SCMP_ARCH_X86_64",
                  "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
                { "architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"] },
                { "architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"] },
            ]);
        }
        1 => profile["architectures"] = json!(["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]),
        _ => (),
    }
    profile
}

fn entry(rng: &mut Rng) -> Value {
    let names: Vec<&str> = (0..=rng.below(3)).map(|_| pick(rng, NAMES)).collect();
    // Mostly one action, so that not everything contradicts itself.
    let action = if rng.below(3) > 0 { "SCMP_ACT_ERRNO" } else { pick(rng, ACTIONS) };
    let mut entry = json!({ "names": names, "action": action });
    if matches!(action, "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE") && rng.below(4) == 0 {
        entry["errnoRet"] = json!(pick(rng, &[1_u64, 13, 38, 4095, 5000]));
    }
    let args: Vec<Value> = (0..rng.below(4).min(2)).map(|_| condition(rng)).collect();
    entry["args"] = json!(args);
    let filter = match rng.below(8) {
        0 => json!({ "caps": ["CAP_SYS_ADMIN"] }),
        1 => json!({ "arches": ["amd64", "s390x"] }),
        2 => json!({ "minKernel": "4.8" }),
        _ => return entry,
    };
    entry[if rng.below(2) == 0 { "includes" } else { "excludes" }] = filter;
    entry
}

fn condition(rng: &mut Rng) -> Value {
    json!({
        "index": rng.below(4),
        "op": pick(rng, OPERATORS),
        "value": pick(rng, VALUES),
        "valueTwo": pick(rng, VALUES),
    })
}
