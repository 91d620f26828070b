//! `filterc-certify`: checks that a program is what a policy says, trusting nothing but itself.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use filterc_certify::{Certificate, Kind, check_all, sha256};

const USAGE: &str = "\
usage: filterc-certify CERTIFICATE PROGRAM [SOURCE]
       filterc-certify CERTIFICATE PROGRAM PROGRAM [SOURCE]
       filterc-certify --policy CERTIFICATE

Checks that PROGRAM decides, for every call, what the policy in CERTIFICATE says, and, with
SOURCE, that the certificate was made from it; or, where it is about two programs, that they
decide the same. Programs are classic or extended BPF, as the certificate says. --policy prints
the policy.

Exit status: 0 it holds; 1 it does not; 2 bad usage, or a file cannot be read.
";

enum Failure {
    No(String),
    Bad(String),
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["--help" | "-h"] => Ok(USAGE.to_owned()),
        ["--policy", certificate] => policy(certificate),
        [certificate, files @ ..] if (1..=3).contains(&files.len()) => judge(certificate, files),
        _ => Err(Failure::Bad(USAGE.to_owned())),
    };
    match result {
        // Whoever closed the pipe has read enough.
        Ok(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(Failure::No(text)) => {
            let _ = writeln!(io::stderr(), "filterc-certify: {text}");
            ExitCode::from(1)
        }
        Err(Failure::Bad(text)) => {
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::from(2)
        }
    }
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    fs::read(Path::new(path)).map_err(|error| Failure::Bad(format!("{path}: {error}")))
}

fn policy(certificate: &str) -> Result<String, Failure> {
    let bytes = read(certificate)?;
    let certificate = Certificate::read(&bytes).map_err(|why| Failure::No(why.to_string()))?;
    Ok(certificate.policy.to_owned())
}

fn judge(certificate: &str, files: &[&str]) -> Result<String, Failure> {
    let bytes = read(certificate)?;
    let no = |why: filterc_certify::Rejected| Failure::No(why.to_string());
    let parts = Certificate::read(&bytes).map_err(no)?;
    let about = parts.sides.iter().filter(|side| side.kind != Kind::Policy).count();
    let (names, sources) = files.split_at_checked(about).ok_or(Failure::Bad(USAGE.to_owned()))?;
    let programs = names.iter().map(|name| read(name)).collect::<Result<Vec<_>, _>>()?;
    let programs: Vec<&[u8]> = programs.iter().map(Vec::as_slice).collect();
    let accepted = check_all(&bytes, &programs).map_err(no)?;
    match sources {
        [] => {}
        [source] if sha256::of(&read(source)?) == parts.source => {}
        [source] => return Err(Failure::No(format!("it was not made from {source}"))),
        _ => return Err(Failure::Bad(USAGE.to_owned())),
    }
    let leaves = accepted.leaves;
    let mut said = match names {
        [program] => format!("{program}: for every call, what the policy says ({leaves} cases)\n"),
        names => format!("{}: for every call, the same ({leaves} cases)\n", names.join(" and ")),
    };
    for (index, (mask, value)) in (1..).zip(&accepted.params) {
        let bits = match *mask {
            0 => "is not looked at".to_owned(),
            mask => format!("is {value:#x} in it, by the bits {mask:#x}"),
        };
        let _ = writeln!(said, "parameter {index} {bits}");
    }
    Ok(said)
}
