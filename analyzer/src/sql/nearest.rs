//! Names like one that does not exist.

/// How many are named.
const NEAREST_MAX: usize = 3;
/// Jaro-Winkler's likeness below which a name is no help.
const LIKENESS_MIN: f64 = 0.8;

/// The names of `known` most like `name`, the likeliest first.
pub(super) fn nearest(name: &str, known: impl IntoIterator<Item = String>) -> Vec<String> {
    let lower = name.to_lowercase();
    let mut scored: Vec<(f64, String)> = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(NEAREST_MAX).map(|(_, known)| known).collect()
}
