//! Tables of the crate: lines of columns with tabs between, `#` for remarks.

/// The rows of a table, with so many columns each. A table that is part of the crate has no others,
/// which a test holds.
pub(crate) fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        <[&str; N]>::try_from(columns).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_columns() {
        let lines = |text: &str| {
            text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count()
        };
        let fallbacks = include_str!("../../data/fallbacks.tsv");
        assert_eq!(rows::<8>(fallbacks).count(), lines(fallbacks));
        let dangers = include_str!("../../data/dangers.tsv");
        assert_eq!(rows::<6>(dangers).count(), lines(dangers));
    }
}
