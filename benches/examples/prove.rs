//! t
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tmp"
)]
use filterc::{Options, Source, analyse, compile};
use filterc_abi::Endian;
use filterc_check::*;
use filterc_testkit::{corpus, libseccomp::*, neutral::Workload};
use std::time::Instant;
fn time<T>(n: usize, mut f: impl FnMut() -> T) -> (f64, T) {
    let mut v = vec![];
    let mut r = None;
    for _ in 0..n {
        let s = Instant::now();
        r = Some(f());
        v.push(s.elapsed().as_secs_f64() * 1e3);
    }
    v.sort_by(f64::total_cmp);
    (v[n / 2], r.unwrap())
}
fn main() {
    let b = Budget::default();
    let e = Endian::Little;
    let which = std::env::args().nth(1).unwrap();
    let lib = Libseccomp::build().unwrap();
    let opts = Options { prove: false, ..corpus::options() };
    if ["docker-default", "small", "argheavy", "web-worker"].contains(&which.as_str()) {
        let src = Source::read(&corpus::folder("policies").join(format!("{which}.flt"))).unwrap();
        let c = compile(&src, &opts).unwrap();
        let p = c.program_for(e);
        let (t, v) =
            time(51, || equivalent(Side::Policy(c.policy()), Side::Program(p.verified()), e, &b));
        println!("{which}: prove {t:.3} ms {v:?}");
        let (t, cert) = time(51, || certificate(c.policy(), p.bytes(), e, [0; 32]));
        match cert {
            Ok(cert) => {
                println!("certify {t:.3} ms {} bytes", cert.len());
                let (t, a) = time(51, || filterc_certify::check(&cert, p.bytes()).unwrap());
                println!("check {t:.3} ms {a:?}");
            }
            Err(x) => println!("{x}"),
        }
        return;
    }
    let w = if let Some((c, r)) = which.split_once('x') {
        let (r, k) = r.split_once('x').unwrap();
        Workload::synthetic(c.parse().unwrap(), r.parse().unwrap(), k.parse().unwrap())
    } else {
        Workload::load(&which)
    };
    let abis: &[u32] = if std::env::args().nth(2).as_deref() == Some("three") {
        &[abi::X86_64, abi::X86, abi::X32]
    } else {
        &[abi::X86_64]
    };
    let w = if abis.len() == 3 { w.only(&lib.names()) } else { w };
    let n = if which.contains('x') { 7 } else { 21 };
    let mode = std::env::args().nth(3).unwrap_or_default();
    let lines = w.lines(abis, 0x50001);
    if mode.is_empty() {
        let (l, t) = (lib.compile(&lines, Level::List), lib.compile(&lines, Level::Tree));
        let (ms, v) = time(n, || equivalent(Side::Program(&l), Side::Program(&t), e, &b));
        println!(
            "{which} list=tree {} {} insns {ms:.3} ms {v:?}",
            l.insns().len(),
            t.insns().len()
        );
        println!(
            "libseccomp {:?} {:?}",
            lib.times(&lines, Level::List, 11)[5],
            lib.times(&lines, Level::Tree, 11)[5]
        );
        if abis.len() == 3 {
            return;
        }
    }
    let an = |t: String| analyse(&Source::text("x.flt", t), &opts).policy.unwrap();
    let (p, q) = (an(w.policy("x86_64", "errno(1)")), an(w.inverted_policy("x86_64", "errno(1)")));
    let (ms, v) = time(n, || equivalent(Side::Policy(&p), Side::Policy(&q), e, &b));
    println!("{which} policy=inverted {ms:.3} ms {v:?}");
    let mut total = 0.0;
    let mut insns = 0;
    let size = std::env::args().nth(4).map_or(50, |s| s.parse().unwrap());
    for part in w.parts(size) {
        let c = match compile(&Source::text("x.flt", part.policy("x86_64", "errno(1)")), &opts) {
            Ok(c) => c,
            Err(e) => {
                println!("{e}");
                continue;
            }
        };
        let (ms, v) = time(n, || {
            equivalent(Side::Policy(c.policy()), Side::Program(c.program().verified()), e, &b)
        });
        println!("{ms:.1} {v:?}");
        assert!(matches!(v, Verdict::Equal(_)), "{v:?}");
        total += ms;
        insns += c.program().insns().len();
        if mode == "p" {
            continue;
        }
        let (ms, cert) = time(1, || certificate(c.policy(), c.program().bytes(), e, [0; 32]));
        if let Ok(cert) = &cert {
            let (k, a) = time(1, || filterc_certify::check(cert, c.program().bytes()).unwrap());
            println!("  certified {ms:.1} ms, checked {k:.1} {a:?}");
        } else {
            println!("  {ms:.1} ms {cert:?}")
        }
    }
    println!("{which} policy=program in parts {insns} insns {total:.3} ms");
}
