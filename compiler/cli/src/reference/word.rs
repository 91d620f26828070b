//! Words of the command line: versions, and what is said of a word that names nothing.

use filterc_abi::KernelVersion;

/// Why a word names nothing.
pub(crate) enum Unknown {
    /// Nothing has that name; names near it.
    Name(Vec<String>),
    /// No ABI in question has a call with that number.
    Number(u32),
    /// The word is not well formed: how it should be.
    Form(&'static str),
}

/// Those of the names that are near a mistyped one, best first, at most three.
pub(crate) fn near(word: &str, names: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    // Long garbage is not worth the comparison.
    if word.len() > 64 {
        return Vec::new();
    }
    let most = 1 + word.len() / 4;
    let lower = word.to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if name.len().abs_diff(word.len()) > most || !seen.insert(name) {
            continue;
        }
        let distance = strsim::osa_distance(&lower, &name.to_ascii_lowercase());
        if distance <= most {
            near.push((distance, name));
        }
    }
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// A version as `@since` takes it.
pub(crate) fn version(text: &str) -> Result<KernelVersion, String> {
    let is_version = text.split('.').count() == 2
        && text.split('.').all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let parsed = text.parse::<KernelVersion>().ok().filter(|_| is_version);
    match parsed {
        None => Err("a kernel version is MAJOR.MINOR, such as 6.6".to_owned()),
        Some(version) if version > KernelVersion::TABLE => {
            Err(format!("the tables end with kernel {}", KernelVersion::TABLE))
        }
        Some(version) => Ok(version),
    }
}
