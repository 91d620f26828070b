//! Profiles: what each format says comes to be what the optimizer goes by.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a test fails by panicking"
)]

use filterc::{CompiledProgram, Options, Profile, Source, compile};
use filterc_abi::{Abi, SeccompData};
use filterc_ir::Objective;

const STRACE: &str = "\
hello
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 39.16    0.000168           1        60        24 openat
 31.00    0.000133          66        20           write
 11.19    0.000048          48        20           poll
------ ----------- ----------- --------- --------- ----------------
100.00    0.000429           0       100        24 total
";

fn on(name: &str) -> &'static Abi {
    filterc_abi::abi(name).unwrap()
}

fn profile(text: &str) -> Profile {
    let (profile, warnings) =
        Profile::read("p", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert!(warnings.list.is_empty(), "{warnings}");
    profile
}

fn compiled(policy: &str, profile: Option<Profile>) -> (CompiledProgram, Vec<&'static str>) {
    let options = Options { profile, ..Options::default() };
    let compiled = compile(&Source::text("p.flt", policy), &options).unwrap();
    let codes = compiled.warnings().iter().map(|warning| warning.code.0).collect();
    (compiled.program().clone(), codes)
}

fn objective(policy: &str, profile: Profile) -> Objective {
    compiled(policy, Some(profile)).0.objective().clone()
}

/// The share of a call on an ABI.
fn share(objective: &Objective, abi: &str, call: &str) -> f64 {
    let abi = on(abi);
    let nr = abi.syscall(call).unwrap().nr;
    let of = objective.frequencies.iter().find(|of| of.audit_arch() == abi.audit_arch).unwrap();
    of.share(nr, nr)
}

fn assert_about(found: f64, expected: f64) {
    // A sixteenth is the ranking's.
    assert!((found - expected * 15.0 / 16.0).abs() < 0.02, "{found} is not about {expected}");
}

#[test]
fn strace_counts_by_name() {
    let x86_64 = objective("arch x86_64\nallow read\n", profile(STRACE));
    assert_about(share(&x86_64, "x86_64", "openat"), 0.6);
    assert_about(share(&x86_64, "x86_64", "write"), 0.2);
    assert_about(share(&x86_64, "x86_64", "poll"), 0.2);
    // There is no poll.
    let aarch64 = objective("arch aarch64\nallow read\n", profile(STRACE));
    assert_about(share(&aarch64, "aarch64", "ppoll"), 0.2);
    // Two machines have half each.
    let both = objective("arch x86_64, aarch64\nallow read\n", profile(STRACE));
    assert_about(share(&both, "x86_64", "openat"), 0.3);
    assert_about(share(&both, "aarch64", "openat"), 0.3);
}

#[test]
fn strace_tells_abis_apart() {
    let text = format!(
        "{STRACE}System call usage summary for 32 bit mode:\n\
         syscall              calls\n---------------- ---------\ngetpid    300\n\
         ---------------- ---------\ntotal   300\n"
    );
    let both = objective("arch i386, x86_64, x32\nallow read\n", profile(&text));
    assert_about(share(&both, "i386", "getpid"), 0.75);
    assert_about(share(&both, "x86_64", "openat"), 0.15);
}

#[test]
fn perf_counts_each_thread() {
    let text = "\
 Summary of events:

 sh (7285), 187 events, 17.6%

   syscall            calls  errors  total       min       avg       max       stddev
                                     (msec)    (msec)    (msec)    (msec)        (%)
   --------------- --------  ------ -------- --------- --------- ---------     ------
   wait4                  5      2     9.216     0.012     1.843     6.023     60.12%
   read                   1      0     0.012     0.012     0.012     0.012      0.00%


 ls (7286), 294 events, 27.6%

   syscall            calls    total       min       avg       max      stddev
                               (msec)    (msec)    (msec)    (msec)        (%)
   --------------- -------- --------- --------- --------- ---------     ------
   read                   4     0.048     0.010     0.012     0.016     14.76%
";
    let objective = objective("arch x86_64\nallow read\n", profile(text));
    assert_about(share(&objective, "x86_64", "read"), 0.5);
    assert_about(share(&objective, "x86_64", "wait4"), 0.5);
}

#[test]
fn records_have_arguments() {
    let text = r#"
{"nr":257,"args":[4294967196,140735,524288,0,0,0]}
{"abi":"x86_64","call":"openat","args":["0xffffff9c",7,"0x80000"],"count":2,"pid":12}
{"arch":"AUDIT_ARCH_X86_64","syscall":"openat","args":[-100,7,1],"count":1}
{"arch":3221225534,"nr":1}
{"arch":1073741827,"nr":1,"count":100}
"#;
    let policy = "arch x86_64\nallow openat if flags & O_ACCMODE == O_RDONLY\nallow write\n";
    let objective = objective(policy, profile(text));
    assert_about(share(&objective, "x86_64", "openat"), 0.8);
    assert_about(share(&objective, "x86_64", "write"), 0.2);
    let of_openat: Vec<_> =
        objective.samples.iter().filter(|sample| sample.call.nr == 257).collect();
    assert_eq!(objective.samples.len(), of_openat.len(), "nothing else is asked about");
    let call = |args: [u64; 6], share: f64| {
        let seen = of_openat.iter().find(|sample| sample.call.args == args).unwrap();
        let whole: f64 = of_openat.iter().map(|sample| sample.share).sum();
        assert!((seen.share / whole - share).abs() < 1e-9, "{args:x?}");
    };
    call([0xffff_ff9c, 140_735, 0x80000, 0, 0, 0], 0.25);
    call([0xffff_ff9c, 7, 0x80000, 0, 0, 0], 0.5);
    call([u64::MAX - 99, 7, 1, 0, 0, 0], 0.25);
}

/// Many calls are stood for by some, of the same mean.
#[test]
fn many_records_become_few_samples() {
    let line = |i: u32| format!("{{\"nr\":0,\"args\":[{i},0,0]}}\n");
    let text: String = (0..5000).map(line).collect();
    let objective = objective("arch x86_64\nallow read if args[0] < 100\n", profile(&text));
    let samples: Vec<&SeccompData> = objective.samples.iter().map(|sample| &sample.call).collect();
    assert!((32..=64).contains(&samples.len()), "{}", samples.len());
    let total: f64 = objective.samples.iter().map(|sample| sample.share).sum();
    let sum = |sample: &filterc_ir::objective::Sample| {
        sample.share * f64::from(u32::try_from(sample.call.args[0]).unwrap())
    };
    let mean = objective.samples.iter().map(sum).sum::<f64>() / total;
    assert!((mean - 2500.0).abs() < 50.0, "{mean}");
}

/// F0724, and that the ranking is used.
#[test]
fn a_profile_of_another_abi_is_told() {
    let other = profile("{\"abi\":\"i386\",\"nr\":3}\n");
    let (with, codes) = compiled("arch x86_64\nallow read, write\n", Some(other));
    assert!(codes.contains(&"F0724"), "{codes:?}");
    let (without, _) = compiled("arch x86_64\nallow read, write\n", None);
    assert_eq!(with.objective(), without.objective());
    assert!(share(with.objective(), "x86_64", "read") > 0.05);
}

#[test]
fn old_kernels_have_no_bitmap() {
    let objective = |policy: &str, bitmap| {
        let options = Options { bitmap, ..Options::default() };
        let compiled = compile(&Source::text("p.flt", policy), &options).unwrap();
        compiled.program().objective().clone()
    };
    let (old, new) = ("arch x86_64\nkernel 5.4\nallow read\n", "arch x86_64\nallow read\n");
    for without in [objective(old, true), objective(new, false)] {
        assert_eq!((without.install, without.uncached), (0.0, 0.0));
    }
    let with = objective(new, true);
    assert!(with.install > 0.0 && with.uncached > 0.0);
    assert_eq!(with.run(false), objective(old, true).run(true));
}

/// Whatever stands in a file: it is read, or there is a diagnostic whose place is in the text.
#[test]
fn no_text_is_too_strange() {
    const RECORDS: &str =
        "{\"nr\":257,\"args\":[1,\"0x2\"],\"count\":2}\n{\"call\":\"é\",\"arch\":7}\n";
    const PERF: &str = "   syscall   calls  errors  total\n   ---- --- (msec)\n   read 4 0 0.1\n\n";
    for text in [STRACE, RECORDS, PERF] {
        let bytes = text.as_bytes();
        for at in 0..bytes.len() {
            let cut = String::from_utf8_lossy(bytes.get(..at).unwrap()).into_owned();
            let strange = [b' ', b'\n', b'-', b'9', b'{', b'"', 0, 0xff].map(|byte| {
                let mut bytes = bytes.to_vec();
                *bytes.get_mut(at).unwrap() = byte;
                String::from_utf8_lossy(&bytes).into_owned()
            });
            for text in strange.into_iter().chain([cut]) {
                let (found, read) = match Profile::read("p", &text) {
                    Ok((_, warnings)) => (warnings, true),
                    Err(errors) => (errors, false),
                };
                assert_eq!(read, !found.has_errors(), "{text}");
                for label in found.list.iter().filter_map(|found| found.primary.as_ref()) {
                    assert!(text.get(label.span.start as usize..label.span.end as usize).is_some());
                }
            }
        }
    }
}
