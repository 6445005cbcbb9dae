//! Lines as clients make them, and bytes as nobody should.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use weir_model::{
    observation::{Batch, Column, Rows},
    time::UnixNanos,
};

use super::*;
use crate::{series_cache::SeriesCache, sink::recorder::render};

mod http;
mod mistakes;
mod random;

const NOW: UnixNanos = UnixNanos(1_700_000_000_123_456_789);

fn decoded(lines: impl AsRef<[u8]>) -> Decoded {
    decode(lines.as_ref(), Precision::Nanoseconds, NOW, &SeriesCache::default(), &Limits::default()).unwrap()
}

fn check_as(lines: impl AsRef<[u8]>, precision: Precision, limits: Limits, expect: Expect) {
    let told = match decode(lines.as_ref(), precision, NOW, &SeriesCache::default(), &limits) {
        Ok(Decoded { batch, bad, rejected }) => {
            let told = bad.iter().map(|line| format!("line {}: {}\n", line.number, line.problem));
            let untold = rejected - bad.len() as u64;
            let more = if untold > 0 { format!("and {untold} more\n") } else { String::new() };
            render(batch.into_rows()) + &told.collect::<String>() + &more
        }
        Err(error) => format!("{}{error}", if error.is_too_large() { "too large: " } else { "" }),
    };
    expect.assert_eq(&told);
}

fn check(lines: impl AsRef<[u8]>, expect: Expect) {
    check_as(lines, Precision::Nanoseconds, Limits::default(), expect);
}

#[test]
fn a_line_becomes_a_row() {
    check(
        "cpu,host=a,region=eu usage_user=1.5,usage_system=2i,up=t,state=\"ok\" 1000000000",
        expect![[r#"
            metrics.cpu{host="a",region="eu"} usage_user=1.5 usage_system=2 up=true state="ok" @1
        "#]],
    );
    check(
        "cpu free=1",
        expect![[r#"
        metrics.cpu{} free=1 @1700000000.1234567
    "#]],
    );
}

#[test]
fn a_float_called_value_is_a_sample() {
    let Batch { samples, rows } = decoded("a,x=1 value=1 1\na,x=2 value=2 2\na,x=1 value=3 3\nb value=4i 4").batch;
    assert_eq!((samples.series.len(), samples.index), (2, vec![0, 1, 0]));
    assert_eq!((samples.time, samples.value), (vec![1, 2, 3], vec![1.0, 2.0, 3.0]));
    assert_eq!(render(rows), "metrics.b{} value=4 @0.000000004\n");
}

#[test]
fn escapes() {
    check(
        concat!(
            // In measurement, tag keys, tag values and field keys a comma, an equals sign and a space.
            r"a\ b\,c\=d,t\ a\,g\=1=v\ a\,l\=1 f\ i\,e\=ld=1i 0",
            "\n",
            // Any other backslash stands for itself, two are two; the second escapes what follows.
            r"m\n\\,a,k\d=C:\Program\ Files v=1i 0",
            "\n",
            // Unescaped: `=` in a measurement, `"` in names.
            "a=b,\"t\"=\"v\" \"f\"=1i 0\n",
            // Strings: quotes and backslashes are escaped, nothing else needs to be.
            r#"s a="q\"q",b="b\\",c="n\n\,\ ",d="a, b=c d",e="" 0"#,
        ),
        expect![[r#"
            metrics.a b,c=d{t a,g=1="v a,l=1"} f i,e=ld=1 @0
            metrics.m\n\,a{k\d="C:\\Program Files"} v=1 @0
            metrics.a=b{"t"="\"v\""} "f"=1 @0
            metrics.s{} a="q\"q" b="b\\" c="n\\n\\,\\ " d="a, b=c d" e="" @0
        "#]],
    );
}

#[test]
fn values() {
    check(
        "f a=1,b=1.0,c=-1.5,d=.5,e=5.,f=1e3,g=1E-3,h=-1.5e+3,i=-0,j=123456789012345678,k=0.1 0",
        expect![[r#"
            metrics.f{} a=1 b=1 c=-1.5 d=0.5 e=5 f=1000 g=0.001 h=-1500 i=-0 j=123456789012345680 k=0.1 @0
        "#]],
    );
    check(
        "i a=0i,b=-1i,c=9223372036854775807i,d=-9223372036854775808i,e=0000000000000000000007i 0",
        expect![[r#"
        metrics.i{} a=0 b=-1 c=9223372036854775807 d=-9223372036854775808 e=7 @0
    "#]],
    );
    check(
        "u a=0u,b=9223372036854775807u 0",
        expect![[r#"
        metrics.u{} a=0 b=9223372036854775807 @0
    "#]],
    );
    check(
        "b a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE 0",
        expect![[r#"
        metrics.b{} a=true b=true c=true d=true e=true f=false g=false h=false i=false j=false @0
    "#]],
    );
    check(
        "s a=\"\",b=\"two\nlines\",c=\"Grüße\" 0\nnext v=1i 0",
        expect![[r#"
        metrics.s{} a="" b="two\nlines" c="Grüße" @0
        metrics.next{} v=1 @0
    "#]],
    );
}

#[test]
fn blanks_comments_and_line_ends() {
    check("", expect![[""]]);
    check("\n \n\t\n\r\n# a \"comment\n  # another\n", expect![[""]]);
    check(
        "a v=1i 1000000000\r\nb v=1i\t2000000000 \r\n\r\n  c   v=1i   3000000000  \n#\nd v=1i 4000000000",
        expect![[r#"
        metrics.a{} v=1 @1
        metrics.b{} v=1 @2
        metrics.c{} v=1 @3
        metrics.d{} v=1 @4
    "#]],
    );
}

#[test]
fn times() {
    check(
        "a v=1i -1500000000\na v=2i 9223372036854775807\na v=3i -9223372036854775808",
        expect![[r#"
        metrics.a{} v=1 @-1.5
        metrics.a{} v=2 @9223372036.854776
        metrics.a{} v=3 @-9223372036.854776
    "#]],
    );
    let times_of = |precision| {
        let batch = decode(b"a v=1i 7\na v=1i", precision, NOW, &SeriesCache::default(), &Limits::default());
        batch.unwrap().batch.rows[0].time.clone()
    };
    // A line without a time gets the server's, in whole units.
    assert_eq!(times_of(Precision::Nanoseconds), [7, 1_700_000_000_123_456_789]);
    assert_eq!(times_of(Precision::Microseconds), [7_000, 1_700_000_000_123_456_000]);
    assert_eq!(times_of(Precision::Milliseconds), [7_000_000, 1_700_000_000_123_000_000]);
    assert_eq!(times_of(Precision::Seconds), [7_000_000_000, 1_700_000_000_000_000_000]);
    assert_eq!(times_of(Precision::Minutes), [420_000_000_000, 1_699_999_980_000_000_000]);
    assert_eq!(times_of(Precision::Hours), [25_200_000_000_000, 1_699_999_200_000_000_000]);
    let nanos = "a v=1i 1700000000000000000\na v=1i 1700000000";
    check_as(
        nanos,
        Precision::Seconds,
        Limits::default(),
        expect![[r#"
        metrics.a{} v=1 @1700000000
        line 1: time 1700000000000000000 in seconds does not fit into 64 bits of nanoseconds; is `precision` right?
    "#]],
    );
}

#[test]
fn precisions_have_the_names_of_their_version() {
    let v1: Vec<_> = ["", "n", "ns", "u", "us", "ms", "s", "m", "h", "x"].map(Precision::of_v1).to_vec();
    expect![[r#"
        [
            Some(
                Nanoseconds,
            ),
            Some(
                Nanoseconds,
            ),
            Some(
                Nanoseconds,
            ),
            Some(
                Microseconds,
            ),
            Some(
                Microseconds,
            ),
            Some(
                Milliseconds,
            ),
            Some(
                Seconds,
            ),
            Some(
                Minutes,
            ),
            Some(
                Hours,
            ),
            None,
        ]
    "#]]
    .assert_debug_eq(&v1);
    assert!(["n", "u", "m", "h", "d", "NS"].into_iter().all(|name| Precision::of_v2(name).is_none()));
    assert_eq!(["", "ns", "us", "ms", "s"].map(Precision::of_v2).iter().flatten().count(), 5);
}

#[test]
fn rows_of_a_measurement_share_their_columns() {
    let shapes = |lines: &str| {
        let batch = decoded(lines).batch;
        let shape = |rows: &Rows| {
            let fields = rows.fields.iter().map(|(name, column)| format!("{name}:{}", column.type_name()));
            format!(
                "{} {} rows={} series={:?}",
                rows.table,
                fields.collect::<Vec<_>>().join(","),
                rows.len(),
                rows.series
            )
        };
        batch.rows.iter().map(shape).collect::<Vec<_>>().join("\n") + "\n"
    };
    // Another order of the same fields is the same rows; another set, or another type, is not.
    expect![[r#"
        metrics.a f:float,g:integer rows=4 series=[0, 1, 0, 0]
        metrics.a f:float rows=2 series=[0, 0]
        metrics.a f:float,g:float rows=1 series=[0]
        metrics.b f:float,g:integer rows=1 series=[0]
    "#]].assert_eq(&shapes(
        "a,x=1 f=1,g=2i 1\na,x=2 g=3i,f=4 2\na,x=1 f=5 3\na,x=1 f=6,g=7 4\nb,x=1 f=1,g=2i 5\na,x=1 f=8,g=9i 6\na,x=1 g=9i,f=8 7\na,x=1 f=5 8",
    ));
    // A series keeps its index wherever it was before.
    let batch = decoded("a,x=1 f=1,g=2 1\na,x=2 f=1,g=2 1\na,x=1 h=1 1\na,x=2 value=1 1\na,x=1 f=1,g=2 2\na,x=2 f=1,g=2 2\na,x=2 value=2 2").batch;
    let series: Vec<_> = batch.rows.iter().map(|rows| (rows.labels.len(), rows.series.clone())).collect();
    assert_eq!(series, [(2, vec![0, 1, 0, 1]), (1, vec![0])]);
    assert_eq!((batch.samples.series.len(), batch.samples.index), (1, vec![0, 0]));
}

#[test]
fn labels_are_sorted_and_step_aside_for_the_columns_of_the_table() {
    check(
        "m,z=1,a=2,time=3,value=4 time=5i,value=6i,a=7i 0",
        expect![[r#"
        metrics.m{a="2",label_time="3",label_value="4",z="1"} time=5 value=6 a=7 @0
    "#]],
    );
    // However a series is written, it is one.
    let batch = decoded("m,a=1,b=2 v=1i 0\nm,b=2,a=1 v=1i 1").batch;
    assert_eq!(batch.rows[0].labels[0], batch.rows[0].labels[1]);
}

#[test]
fn known_series_cost_no_new_tags() {
    let cache = SeriesCache::default();
    let limits = Limits { new_tags: 2, ..Limits::default() };
    let lines = |tags: &str| format!("a,{tags} v=1i 0\n");
    let decode = |lines: &str| decode(lines.as_bytes(), Precision::default(), NOW, &cache, &limits).map(|_| ());
    decode(&lines("x=1,y=1")).unwrap();
    decode(&lines("x=1,y=2")).unwrap();
    decode(&(lines("x=1,y=1") + &lines("x=1,y=2"))).unwrap();
    assert!(decode(&(lines("x=1,y=3") + &lines("x=1,y=4"))).unwrap_err().is_too_large());
}
