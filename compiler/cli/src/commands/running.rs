//! What all ways to run a command share.

use filterc::Compiled;
use filterc_audit::OnLoss;
use filterc_loader::LoadError;

use crate::auditing::SinkArgs;
use crate::console::Failure;

/// Where records go.
#[derive(Clone, Copy)]
pub(super) struct Records<'a> {
    /// The sink.
    pub(super) sink: &'a SinkArgs,
    /// What happens where one is lost.
    pub(super) on_loss: OnLoss,
}

/// A failure with a page.
pub(super) fn coded(code: &'static str, text: String) -> Failure {
    Failure::Coded { code, text, details: serde_json::Value::Null }
}

/// A filter that the kernel did not take.
pub(super) fn load_failure(error: &LoadError) -> Failure {
    Failure::Environment(format!("{error} [{}]", error.code()))
}

/// The line on which each rule begins.
pub(super) fn lines(compiled: &Compiled) -> Vec<u32> {
    let line = |span| compiled.sources().line_column(span).0;
    compiled
        .policy()
        .rules()
        .iter()
        .map(|rule| u32::try_from(line(rule.span)).unwrap_or(0))
        .collect()
}
