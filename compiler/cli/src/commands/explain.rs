//! `filterc explain F0203`

use clap::Args;
use filterc::explain;

use crate::console::{Console, Failure, stdout};

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The code, such as F0203; without one, all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs, _: &Console) -> Result<(), Failure> {
    let Some(code) = &args.code else {
        let lines =
            explain::PAGES.iter().map(|(code, page)| format!("{code}  {}\n", explain::title(page)));
        return stdout(lines.collect::<String>().as_bytes());
    };
    match explain::page(code) {
        Some(page) => stdout(page.as_bytes()),
        None => Err(Failure::Environment(format!(
            "no diagnostic has the code `{code}`; `filterc explain` lists them"
        ))),
    }
}
