//! Texts as exposers write them, and texts that nobody should.

use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn render(exposition: &Exposition) -> String {
    let mut text = String::new();
    for (name, metadata) in &exposition.metadata {
        writeln!(text, "{name}: {:?} {:?} {:?}", metadata.kind, metadata.help, metadata.unit).unwrap();
    }
    for sample in &exposition.samples {
        let labels: Vec<_> = sample.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let time = sample.time.map_or(String::new(), |time| format!(" @{}", time.0));
        writeln!(text, "{}{{{}}} {}{time}", sample.name, labels.join(","), sample.value).unwrap();
    }
    text
}

fn check(text: &str, format: Format, expect: Expect) {
    match parse(text, format, Limits::default()) {
        Ok(exposition) => expect.assert_eq(&render(&exposition)),
        Err(error) => expect.assert_eq(&error.to_string()),
    }
}

/// The example of the format's own documentation.
#[test]
fn the_documented_example_of_the_text_format() {
    check(
        r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
"#,
        Format::Prometheus004,
        expect![[r#"
            http_requests_total: Counter "The total number of HTTP requests." ""
            http_request_duration_seconds: Histogram "A histogram of the request duration." ""
            http_requests_total{code="200",method="post"} 1027 @1395066363000000000
            http_requests_total{code="400",method="post"} 3 @1395066363000000000
            msdos_file_access_time_seconds{error="Cannot find file:\n\"FILE.TXT\"",path="C:\\DIR\\FILE.TXT"} 1458255915
            metric_without_timestamp_and_labels{} 12.47
            something_weird{problem="division by zero"} inf @-3982045000000
            http_request_duration_seconds_bucket{le="0.05"} 24054
            http_request_duration_seconds_bucket{le="+Inf"} 144320
            http_request_duration_seconds_sum{} 53423
            http_request_duration_seconds_count{} 144320
        "#]],
    );
}

#[test]
fn openmetrics_has_units_exact_seconds_and_exemplars() {
    check(
        "# TYPE foo_seconds counter\n\
         # UNIT foo_seconds seconds\n\
         # HELP foo_seconds Time \\\"spent\\\" here.\\nAll of it.\n\
         foo_seconds_total{a=\"b\"} 17.0 1520879607.789123456 # {trace_id=\"x # y\"} 0.67 1520879606.1\n\
         foo_seconds_created 1520430000.123\n\
         bar_bucket{le=\"8.0\"} 17 # {} 5\n\
         neg 1 -0.5\n\
         exp 1 1.5e9\n\
         # EOF\n",
        Format::OpenMetrics1,
        expect![[r#"
            foo_seconds: Counter "Time \"spent\" here.\nAll of it." "seconds"
            foo_seconds_total{a="b"} 17 @1520879607789123456
            foo_seconds_created{} 1520430000.123
            bar_bucket{le="8.0"} 17
            neg{} 1 @-500000000
            exp{} 1 @1500000000000000000
        "#]],
    );
}

#[test]
fn white_space_and_trailing_commas_as_prometheus_takes_them() {
    check(
        "  a { b = \"c\" , } 1\t5\r\nd{} NaN\n#TYPE a gauge\n# TYPE\n",
        Format::Prometheus004,
        expect!["line 4: expected a metric name at \"\""],
    );
    check(
        "  a { b = \"\\c\" , } 1\t5\r\nd{} NaN\n#TYPE a gauge\n#no comment",
        Format::Prometheus004,
        expect![[r#"
            a: Gauge "" ""
            a{b="\\c"} 1 @5000000
            d{} NaN
        "#]],
    );
}

#[test]
fn errors_name_their_line_and_what_was_due() {
    let first_line = |line: &str, expect: Expect| check(&format!("ok 1\n{line}\n"), Format::Prometheus004, expect);
    first_line("1a 1", expect!["line 2: expected a metric name at \"1a 1\""]);
    first_line("a", expect!["line 2: expected a value at \"\""]);
    first_line("a 1_000", expect!["line 2: expected a value at \"1_000\""]);
    first_line("a 1 soon", expect!["line 2: expected a timestamp at \"soon\""]);
    first_line("a 1 1.5", expect![[r#"line 2: expected a timestamp at "1.5""#]]);
    first_line("a 1 2 3", expect!["line 2: expected the end of the line at \"3\""]);
    first_line("a 1 # {} 1", expect!["line 2: expected the end of the line at \"# {} 1\""]);
    first_line(r#"a{b} 1"#, expect!["line 2: expected = after a label name at \"} 1\""]);
    first_line(r#"a{b="c} 1"#, expect![[r#"line 2: expected a closing quote after at "\"c} 1""#]]);
    first_line(r#"a{b="c" d="e"} 1"#, expect![[r#"line 2: expected , or } after a label at "d=\"e\"} 1""#]]);
    first_line(r#"a{b="c",b="d"} 1"#, expect![[r#"line 2: label "b" is given twice"#]]);
    first_line(r#"{"a.b"} 1"#, expect![[r#"line 2: expected a metric name at "{\"a.b\"} 1""#]]);
    first_line("# TYPE a thing", expect!["line 2: expected a metric type at \"thing\""]);
}

#[test]
fn a_text_cut_off_is_not_taken_for_a_whole_one() {
    check("a 1\n", Format::OpenMetrics1, expect!["line 1: the text ends without # EOF"]);
    check("a 1\n# EOF\nb 1\n", Format::OpenMetrics1, expect!["line 3: text after # EOF"]);
    check("", Format::OpenMetrics1, expect!["line 0: the text ends without # EOF"]);
    check("", Format::Prometheus004, expect![""]);
}

#[test]
fn limits_hold_and_what_just_fits_passes() {
    let limits = Limits { line_bytes: 20, samples: 2, labels: 1 };
    let parse = |text: &str| parse(text, Format::Prometheus004, limits).map_err(|error| error.problem);
    assert!(parse("aaaaaaaaaaaaaaaaaa 1\nb{c=\"d\"} 1\n").is_ok());
    assert_eq!(parse("aaaaaaaaaaaaaaaaaaa 1"), Err(Problem::LineTooLong(20)));
    assert_eq!(parse("a 1\nb 1\nc 1"), Err(Problem::TooManySamples(2)));
    assert_eq!(parse("a{b=\"c\",d=\"e\"} 1"), Err(Problem::TooManyLabels(1)));
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC*|[a-c:_0-9{}=\",\\\\ \\t\\n#.+eEINFOa]{0,80}") {
        for format in [Format::Prometheus004, Format::OpenMetrics1] {
            drop(parse(&text, format, Limits::default()));
        }
    }

    #[test]
    fn what_is_written_is_read(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,9}",
        label in "[a-zA-Z_][a-zA-Z0-9_]{0,9}",
        // A carriage return before a line feed belongs to the line end.
        text in "[^\\r]{0,20}",
        value in any::<f64>(),
        millis in prop::option::of(-9_000_000_000_000i64..9_000_000_000_000),
    ) {
        let time = millis.map_or(String::new(), |millis| format!(" {millis}"));
        let line = format!("{name}{{{label}=\"{}\"}} {value}{time}\n", escape(&text));
        let sample = parse(&line, Format::Prometheus004, Limits::default()).unwrap().samples.remove(0);
        prop_assert_eq!((&*sample.name, sample.labels), (&*name, Labels::new([(&*label, &*text)])));
        prop_assert!(sample.value == value || sample.value.is_nan() && value.is_nan());
        prop_assert_eq!(sample.time, millis.map(UnixNanos::from_millis));
    }
}
