//! Findings as SARIF 2.1.0 (OASIS standard, "Static Analysis Results Interchange Format"): what tools
//! for code review read.

use std::collections::BTreeSet;
use std::path::Path;

use filterc::explain;
use serde_json::{Value, json};

use crate::reported::{Reported, object};

/// A log of one run.
pub(crate) fn log(file: &Path, reports: &[Reported]) -> Value {
    let codes: BTreeSet<&str> = reports.iter().map(|report| report.finding.code).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let results: Vec<Value> = reports.iter().map(|report| result(file, &codes, report)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "filterc",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    let page = explain::page(code).unwrap_or_default();
    json!({
        "id": code,
        "shortDescription": { "text": explain::title(page) },
        "help": { "text": page, "markdown": page },
    })
}

fn result(file: &Path, codes: &[&str], report: &Reported) -> Value {
    let finding = &report.finding;
    let (name, region) = match &report.place {
        Some((name, line, column)) => {
            (name.clone(), Some(json!({ "startLine": line, "startColumn": column })))
        }
        None => (file.display().to_string(), None),
    };
    let mut physical = json!({ "artifactLocation": { "uri": uri(&name) } });
    if let (Some(region), Some(fields)) = (region, physical.as_object_mut()) {
        fields.insert("region".to_owned(), region);
    }
    let text = match finding.help {
        Some(help) => format!("{}. {help}", finding.message),
        None => finding.message.clone(),
    };
    json!({
        "ruleId": finding.code,
        "ruleIndex": codes.iter().position(|code| *code == finding.code),
        // The standard has the same names.
        "level": finding.level.to_string(),
        "message": { "text": text },
        "locations": [{ "physicalLocation": physical }],
        "properties": object(report),
    })
}

/// A path as a reference of RFC 3986: what may not stand there is written as `%XX`.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
