//! Numbers for people, as Prometheus writes them (prometheus/template/template.go).

const PREFIXES_UP: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const PREFIXES_DOWN: [&str; 9] = ["", "m", "u", "n", "p", "f", "a", "z", "y"];
const PREFIXES_1024: [&str; 9] = ["", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/// A way to write a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `12.35M`
    Humanize,
    /// `11.77Mi`
    Humanize1024,
    /// Of a fraction: `5.25%`.
    HumanizePercentage,
    /// Of seconds: `1h 1m 5s`.
    HumanizeDuration,
}

impl Format {
    pub(super) const NAMES: [&'static str; 4] = ["humanize", "humanize1024", "humanizePercentage", "humanizeDuration"];
    const ALL: [Self; 4] = [Self::Humanize, Self::Humanize1024, Self::HumanizePercentage, Self::HumanizeDuration];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).map(|index| Self::ALL[index])
    }

    pub(super) fn names() -> String {
        Self::NAMES.map(|name| format!("`{name}`")).join(", ")
    }

    pub(super) fn write(self, value: f64) -> String {
        match self {
            Self::HumanizePercentage => format!("{}%", significant(value * 100.0)),
            _ if !value.is_finite() => plain(value),
            Self::Humanize if value.abs() >= 1.0 => scaled_down(value, 1000.0, &PREFIXES_UP),
            Self::Humanize => scaled_up(value),
            Self::Humanize1024 => scaled_down(value, 1024.0, &PREFIXES_1024),
            Self::HumanizeDuration => duration(value),
        }
    }
}

/// The shortest decimal that reads back the same; powers of ten only beyond 21 digits.
pub(super) fn plain(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ if value != 0.0 && !(1e-6..1e21).contains(&value.abs()) => format!("{value:e}"),
        _ => value.to_string(),
    }
}

fn scaled_down(mut value: f64, step: f64, prefixes: &[&str]) -> String {
    let mut prefix = 0;
    while value.abs() >= step && prefix + 1 < prefixes.len() {
        value /= step;
        prefix += 1;
    }
    significant(value) + prefixes[prefix]
}

fn scaled_up(mut value: f64) -> String {
    let mut prefix = 0;
    while value != 0.0 && value.abs() < 1.0 && prefix + 1 < PREFIXES_DOWN.len() {
        value *= 1000.0;
        prefix += 1;
    }
    significant(value) + PREFIXES_DOWN[prefix]
}

fn duration(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let size = seconds.abs();
    if size < 60.0 {
        let text = if size < 1.0 { scaled_up(size) } else { significant(size) };
        return format!("{sign}{text}s");
    }
    let whole = size as u64;
    let units = [(whole / 86_400, "d"), (whole / 3_600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")];
    let written: Vec<String> =
        units.iter().skip_while(|(count, _)| *count == 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    sign.to_owned() + &written.join(" ")
}

/// Four significant digits, as C's and Go's `%.4g` writes them.
fn significant(value: f64) -> String {
    /// Digits after the first.
    const DECIMALS: i32 = 3;
    if !value.is_finite() {
        return plain(value);
    }
    let scientific = format!("{value:.prec$e}", prec = DECIMALS as usize);
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..=DECIMALS).contains(&exponent) {
        return without_zeros(&format!("{value:.prec$}", prec = (DECIMALS - exponent) as usize)).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(digits), exponent.abs())
}

fn without_zeros(decimal: &str) -> &str {
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        // The inputs and outputs of prometheus/template/template_test.go, and borders.
        for (format, value, text) in [
            (Format::Humanize, 0.0, "0"),
            (Format::Humanize, 1.0, "1"),
            (Format::Humanize, 1_234_567.0, "1.235M"),
            (Format::Humanize, 0.12, "120m"),
            (Format::Humanize, -999.96, "-1000"),
            (Format::Humanize, f64::INFINITY, "+Inf"),
            (Format::Humanize1024, 0.0, "0"),
            (Format::Humanize1024, 1_048_576.0, "1Mi"),
            (Format::Humanize1024, 0.12, "0.12"),
            (Format::HumanizePercentage, 0.123_456_78, "12.35%"),
            (Format::HumanizePercentage, 1_000.0, "1e+05%"),
            (Format::HumanizePercentage, 0.000_001_23, "0.000123%"),
            (Format::HumanizePercentage, 0.000_000_1, "1e-05%"),
            (Format::HumanizeDuration, 0.0, "0s"),
            (Format::HumanizeDuration, 1.0, "1s"),
            (Format::HumanizeDuration, 60.0, "1m 0s"),
            (Format::HumanizeDuration, 3_600.0, "1h 0m 0s"),
            (Format::HumanizeDuration, -(86_400.0 + 3_600.0 * 2.0 + 61.0), "-1d 2h 1m 1s"),
            (Format::HumanizeDuration, 0.1, "100ms"),
            (Format::HumanizeDuration, 12.345_67, "12.35s"),
            (Format::HumanizeDuration, f64::NAN, "NaN"),
        ] {
            assert_eq!(format.write(value), text, "{format:?} {value}");
        }
    }

    #[test]
    fn plain_numbers_have_no_exponent_where_people_read_them() {
        for (value, text) in [
            (1e6, "1000000"),
            (-0.05, "-0.05"),
            (0.0, "0"),
            (1e22, "1e22"),
            (1.5e-7, "1.5e-7"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(plain(value), text);
        }
    }
}
