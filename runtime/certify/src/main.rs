//! `filterc-certify`: checks that a program is what a policy says, trusting nothing but itself.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use filterc_certify::{Certificate, check, sha256};

const USAGE: &str = "\
usage: filterc-certify CERTIFICATE PROGRAM [SOURCE]
       filterc-certify --policy CERTIFICATE

Checks that PROGRAM decides, for every call, what the policy in CERTIFICATE says, and, with
SOURCE, that the certificate was made from it. --policy prints that policy.

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
        [certificate, program] => judge(certificate, program, None),
        [certificate, program, source] => judge(certificate, program, Some(source)),
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

fn judge(certificate: &str, program: &str, source: Option<&str>) -> Result<String, Failure> {
    let (bytes, program_bytes) = (read(certificate)?, read(program)?);
    let no = |why: filterc_certify::Rejected| Failure::No(why.to_string());
    let accepted = check(&bytes, &program_bytes).map_err(no)?;
    if let Some(source) = source {
        let expected = Certificate::read(&bytes).map_err(no)?.source;
        if sha256::of(&read(source)?) != expected {
            return Err(Failure::No(format!("it was not made from {source}")));
        }
    }
    let leaves = accepted.leaves;
    Ok(format!("{program}: for every call, what the policy says ({leaves} cases)\n"))
}
