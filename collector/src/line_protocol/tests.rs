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
fn bad_lines_are_told_and_the_others_kept() {
    check(
        "good v=1i 0\nbad\ngood v=2i 0\n\n# comment\nbad v=x 0\ngood v=3i 0",
        expect![[r#"
        metrics.good{} v=1 @0
        metrics.good{} v=2 @0
        metrics.good{} v=3 @0
        line 2: there are no fields; after measurement and tags comes a space and `key=value`
        line 6: field `v`: `x` is no number, boolean or quoted string
    "#]],
    );
    // Line breaks in strings count, and lines are found again behind them.
    check(
        "a v=\"1\n2\n3\" 0\nb v=x,s=\"\nc v=1i 0\",t=\"\\\"\n\" 0\n,x=1 s=\"\nd v=1i 0\" 0\ne v=1i 0",
        expect![[r#"
            metrics.a{} v="1\n2\n3" @0
            metrics.e{} v=1 @0
            line 4: field `v`: `x` is no number, boolean or quoted string
            line 7: there is no measurement
        "#]],
    );
    // One quote too few costs its line only.
    check(
        "a v=\"x 0\nb v=1i 0\nc v=2i 0",
        expect![[r#"
        metrics.b{} v=1 @0
        metrics.c{} v=2 @0
        line 1: field `v`: the string has no closing quote
    "#]],
    );
    let many = "good v=1i 0\n".to_owned() + &"bad\n".repeat(12) + "good v=1i 1\n";
    check(
        many,
        expect![[r#"
        metrics.good{} v=1 @0
        metrics.good{} v=1 @0.000000001
        line 2: there are no fields; after measurement and tags comes a space and `key=value`
        line 3: there are no fields; after measurement and tags comes a space and `key=value`
        line 4: there are no fields; after measurement and tags comes a space and `key=value`
        line 5: there are no fields; after measurement and tags comes a space and `key=value`
        line 6: there are no fields; after measurement and tags comes a space and `key=value`
        line 7: there are no fields; after measurement and tags comes a space and `key=value`
        line 8: there are no fields; after measurement and tags comes a space and `key=value`
        line 9: there are no fields; after measurement and tags comes a space and `key=value`
        line 10: there are no fields; after measurement and tags comes a space and `key=value`
        line 11: there are no fields; after measurement and tags comes a space and `key=value`
        and 2 more
    "#]],
    );
}

/// Lines that are wrong, each with what is said of it.
fn check_bad(lines: &[&[u8]], expect: Expect) {
    let said = |line: &&[u8]| {
        let decoded = decoded(line);
        assert_eq!((decoded.rejected, decoded.batch.is_empty()), (1, true), "{}", String::from_utf8_lossy(line));
        format!("{}\n    {}\n", String::from_utf8_lossy(line), decoded.bad[0].problem)
    };
    expect.assert_eq(&lines.iter().map(said).collect::<String>());
}

#[test]
fn what_is_wrong_is_said_of_measurement_and_tags() {
    check_bad(
        &[
            b",a=b v=1",
            b"m",
            b"m,a=b",
            b"m ",
            b"m  1",
            b"m\\ v=1",
            b"m, v=1",
            b"m,, v=1",
            b"m,a v=1",
            b"m,a= v=1",
            b"m,a=,b=c v=1",
            b"m,=b v=1",
            b"m,a=b,a=c v=1",
            b"m,time=1,label_time=2 v=1",
            b"m,a=b=c v=1",
            b"m,a=b\xff v=1",
            b"m\xff v=1",
            b"m,a\xff=b v=1",
        ],
        expect![[r#"
            ,a=b v=1
                there is no measurement
            m
                there are no fields; after measurement and tags comes a space and `key=value`
            m,a=b
                there are no fields; after measurement and tags comes a space and `key=value`
            m 
                there are no fields; after measurement and tags comes a space and `key=value`
            m  1
                field `1` has no value
            m\ v=1
                there are no fields; after measurement and tags comes a space and `key=value`
            m, v=1
                a tag has no key
            m,, v=1
                a tag has no key
            m,a v=1
                tag `a` has no value
            m,a= v=1
                tag `a` has no value
            m,a=,b=c v=1
                tag `a` has no value
            m,=b v=1
                a tag has no key
            m,a=b,a=c v=1
                tag `a` is given twice
            m,time=1,label_time=2 v=1
                tag `label_time` is given twice
            m,a=b=c v=1
                tag `a` has a `=` in its value; write it as `\=`
            m,a=b� v=1
                the value of a tag is not UTF-8
            m� v=1
                measurement is not UTF-8
            m,a�=b v=1
                tag is not UTF-8
        "#]],
    );
}

#[test]
fn what_is_wrong_is_said_of_fields() {
    check_bad(
        &[
            b"m v",
            b"m v 1",
            b"m v=",
            b"m v= 1",
            b"m v=,w=1",
            b"m =1",
            b"m v=1,",
            b"m v=1,,w=1",
            b"m v=1,=2",
            b"m v=1,w",
            b"m v=1,v=2",
            b"m a\\,=1,a\\,=2",
            b"m v\xff=1",
        ],
        expect![[r#"
            m v
                field `v` has no value
            m v 1
                field `v` has no value
            m v=
                field `v` has no value
            m v= 1
                field `v` has no value
            m v=,w=1
                field `v` has no value
            m =1
                a field has no key
            m v=1,
                a field has no key
            m v=1,,w=1
                a field has no key
            m v=1,=2
                a field has no key
            m v=1,w
                field `w` has no value
            m v=1,v=2
                field `v` is given twice
            m a\,=1,a\,=2
                field `a,` is given twice
            m v�=1
                field is not UTF-8
        "#]],
    );
}

#[test]
fn what_is_wrong_is_said_of_values() {
    check_bad(
        &[
            b"m v=a",
            b"m v=1a",
            b"m v=1ii",
            b"m v=i",
            b"m v=-",
            b"m v=-i",
            b"m v=.",
            b"m v=1.5i",
            b"m v=1.5.2",
            b"m v=+1",
            b"m v=-1u",
            b"m v=1e",
            b"m v=0x1",
            b"m v=NaN",
            b"m v=-inf",
        ],
        expect![[r#"
            m v=a
                field `v`: `a` is no number, boolean or quoted string
            m v=1a
                field `v`: `1a` is no number, boolean or quoted string
            m v=1ii
                field `v`: `1ii` is no number, boolean or quoted string
            m v=i
                field `v`: `i` is no number, boolean or quoted string
            m v=-
                field `v`: `-` is no number, boolean or quoted string
            m v=-i
                field `v`: `-i` is no number, boolean or quoted string
            m v=.
                field `v`: `.` is no number, boolean or quoted string
            m v=1.5i
                field `v`: `1.5i` is no number, boolean or quoted string
            m v=1.5.2
                field `v`: `1.5.2` is no number, boolean or quoted string
            m v=+1
                field `v`: `+1` is no number, boolean or quoted string
            m v=-1u
                field `v`: `-1u` is no number, boolean or quoted string
            m v=1e
                field `v`: `1e` is no number, boolean or quoted string
            m v=0x1
                field `v`: `0x1` is no number, boolean or quoted string
            m v=NaN
                field `v`: `NaN` is no number, boolean or quoted string
            m v=-inf
                field `v`: `-inf` is no number, boolean or quoted string
        "#]],
    );
}

#[test]
fn what_is_wrong_is_said_of_what_does_not_fit_and_strings() {
    check_bad(
        &[
            b"m v=1e999",
            b"m v=9223372036854775808i",
            b"m v=9223372036854775808u",
            b"m v=99999999999999999999999i",
            b"m v=tRUE",
            b"m v=\"a",
            b"m v=\"a\"b",
            b"m v=\"\xff\"",
        ],
        expect![[r#"
            m v=1e999
                field `v`: `1e999` does not fit into a 64-bit float
            m v=9223372036854775808i
                field `v`: `9223372036854775808i` does not fit into a 64-bit integer
            m v=9223372036854775808u
                field `v`: `9223372036854775808u` does not fit into a 64-bit integer, as which it is stored
            m v=99999999999999999999999i
                field `v`: `99999999999999999999999i` does not fit into a 64-bit integer
            m v=tRUE
                field `v`: `tRUE` is no number, boolean or quoted string
            m v="a
                field `v`: the string has no closing quote
            m v="a"b
                field `v`: `"a"b` is no number, boolean or quoted string
            m v="�"
                a string is not UTF-8
        "#]],
    );
}

#[test]
fn what_is_wrong_is_said_of_times() {
    check_bad(
        &[b"m v=1 1.5", b"m v=1 99999999999999999999", b"m v=1 1 a"],
        expect![[r#"
        m v=1 1.5
            `1.5` is no time; a whole number of nanoseconds is expected
        m v=1 99999999999999999999
            time 99999999999999999999 in nanoseconds does not fit into 64 bits of nanoseconds; is `precision` right?
        m v=1 1 a
            `a` follows the time; a space in a name or value is written `\ `
    "#]],
    );
}

#[test]
fn limits_of_a_line_hold_and_what_just_fits_passes() {
    let limits = Limits { tags: 2, fields: 2, name_bytes: 4, tag_value_bytes: 3, text_bytes: 5, ..Limits::default() };
    check_as(
        concat!(
            "name,tag1=val,tag2=val fld1=\"12345\",fld2=1i 0\n",
            "name5 v=1i 0\n",
            "m,a=1,b=2,c=3 v=1i 0\n",
            "m v=1i,w=2i,x=3i 0\n",
            "m,tag45=v v=1i 0\n",
            "m,a=val4 v=1i 0\n",
            "m fld45=1i 0\n",
            "m v=\"123456\" 0\n",
            "m v=1i 0\n",
        ),
        Precision::Nanoseconds,
        limits,
        expect![[r#"
            metrics.name{tag1="val",tag2="val"} fld1="12345" fld2=1 @0
            metrics.m{} v=1 @0
            line 2: measurement `name5...` has more than 4 bytes
            line 3: more than 2 tags
            line 4: more than 2 fields
            line 5: tag `tag45...` has more than 4 bytes
            line 6: the value of tag `a...` has more than 3 bytes
            line 7: field `fld45...` has more than 4 bytes
            line 8: the text of field `v...` has more than 5 bytes
        "#]],
    );
}

#[test]
fn limits_of_a_request_hold_and_what_just_fits_passes() {
    let limits = Limits { lines: 4, values: 6, series: 3, new_tags: 4, columns: 5, ..Limits::default() };
    let told = |lines: &str, expect| check_as(lines, Precision::Nanoseconds, limits, expect);
    told(
        "a,x=1,y=1 v=1i,w=1i 0\na,x=2,y=1 w=1i 0\nb w=1i,v=1i 0\n# no line\n\na,x=2,y=1 w=1i 1",
        expect![[r#"
            metrics.a{x="1",y="1"} v=1 w=1 @0
            metrics.a{x="2",y="1"} w=1 @0
            metrics.a{x="2",y="1"} w=1 @0.000000001
            metrics.b{} w=1 v=1 @0
        "#]],
    );
    told("a v=1\nbad\nbad\na v=1\nbad", expect!["too large: more than 4 lines; send fewer lines at a time"]);
    told(
        "a v=1,w=2,x=3\na v=1,w=2,x=3\na v=1,w=2,x=3",
        expect!["too large: more than 6 values; send fewer lines at a time"],
    );
    told("a v=1\nb v=1\nc v=1\nd v=1", expect!["too large: more than 3 series; send fewer lines at a time"]);
    told(
        "a,x=1,y=1,z=1 v=1\na,x=2,y=2 v=1",
        expect!["too large: more than 4 tags of new series; send fewer lines at a time"],
    );
    told(
        "a v=1,w=1,x=1\na v=1,w=1,x=1i",
        expect!["too large: more than 5 fields in all lists of fields; send fewer lines at a time"],
    );
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

fn name() -> impl Strategy<Value = String> {
    // Every character that means something somewhere. A backslash before one of them cannot be written.
    r#"[a-zß"'#._][a-zß ,="'#._]{0,5}"#
}

#[derive(Clone, Debug)]
enum Sent {
    F64(f64),
    I64(i64),
    Bool(bool),
    Text(String),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Sent::F64),
        (-1_000i64..1_000).prop_map(|value| Sent::F64(value as f64)),
        any::<i64>().prop_map(Sent::I64),
        any::<bool>().prop_map(Sent::Bool),
        r#"[a-z",= \\\n#\r]{0,8}"#.prop_map(Sent::Text),
    ]
}

type Point = (String, BTreeMap<String, String>, BTreeMap<String, Sent>, i64);

fn point() -> impl Strategy<Value = Point> {
    let tags = prop::collection::btree_map(name(), name(), 0..4);
    let fields = prop::collection::btree_map(name(), sent(), 1..5);
    ("[a-z\"][a-z ,=\"]{0,2}", tags, fields, any::<i64>())
}

fn encode((measurement, tags, fields, time): &Point) -> String {
    let escape = |name: &str| name.replace(' ', "\\ ").replace(',', "\\,").replace('=', "\\=");
    let mut line = escape(measurement);
    for (key, value) in tags {
        line += &format!(",{}={}", escape(key), escape(value));
    }
    let field = |(key, value): (&String, &Sent)| {
        let value = match value {
            Sent::F64(value) => format!("{value}"),
            Sent::I64(value) => format!("{value}i"),
            Sent::Bool(value) => format!("{value}"),
            Sent::Text(value) => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        };
        format!("{}={value}", escape(key))
    };
    let fields: Vec<String> = fields.iter().map(field).collect();
    format!("{line} {} {time}\n", fields.join(","))
}

/// What the points are, as text that says everything of them.
fn expected((measurement, tags, fields, time): &Point) -> String {
    let column = |name: &str| if ["time", "value"].contains(&name) { format!("label_{name}") } else { name.to_owned() };
    let tags: Vec<_> = tags.iter().map(|(key, value)| (column(key), value)).collect();
    let field = |(key, value): (&String, &Sent)| match value {
        Sent::F64(value) => format!("{key:?}=f{:x}", value.to_bits()),
        Sent::I64(value) => format!("{key:?}=i{value}"),
        Sent::Bool(value) => format!("{key:?}=b{value}"),
        Sent::Text(value) => format!("{key:?}=t{value:?}"),
    };
    let fields: Vec<String> = fields.iter().map(field).collect();
    format!("{measurement:?} {tags:?} {} {time}", fields.join(" "))
}

fn received(rows: &Rows) -> Vec<String> {
    let line = |row: usize| {
        let tags: Vec<_> = rows.labels[rows.series[row] as usize].iter().collect();
        let field = |(name, column): &(std::sync::Arc<str>, Column)| match column {
            Column::F64(values) => format!("{name:?}=f{:x}", values[row].unwrap().to_bits()),
            Column::I64(values) => format!("{name:?}=i{}", values[row].unwrap()),
            Column::Bool(values) => format!("{name:?}=b{}", values[row].unwrap()),
            Column::Text(values) => format!("{name:?}=t{:?}", values[row].as_ref().unwrap()),
            Column::Amount(_) => panic!("lines have no money"),
        };
        let fields: BTreeMap<&str, String> = rows.fields.iter().map(|pair| (&*pair.0, field(pair))).collect();
        let fields: Vec<&str> = fields.values().map(String::as_str).collect();
        format!("{:?} {tags:?} {} {}", rows.table.name, fields.join(" "), rows.time[row])
    };
    (0..rows.len()).map(line).collect()
}

proptest! {
    #[test]
    fn decoding_never_panics(lines in prop::collection::vec(
        prop_oneof![prop::sample::select(b"abtf019ieu.,=\" \\\n\r#-".to_vec()), any::<u8>()],
        0..300,
    )) {
        drop(decoded(&lines));
    }

    #[test]
    fn points_come_back_as_they_were(points in prop::collection::vec(point(), 1..12)) {
        // Twice each, so that lines like those before are read as well.
        let lines: String = points.iter().flat_map(|point| [encode(point), encode(point)]).collect();
        let decoded = decoded(&lines);
        prop_assert_eq!(&decoded.bad, &[]);
        let mut received: Vec<String> = decoded.batch.into_rows().iter().flat_map(received).collect();
        let mut sent: Vec<String> = points.iter().flat_map(|point| [expected(point), expected(point)]).collect();
        received.sort();
        sent.sort();
        prop_assert_eq!(received, sent);
    }

    #[test]
    fn every_line_is_kept_or_told(good in prop::collection::vec(any::<bool>(), 0..40)) {
        let lines: String = good.iter().map(|good| if *good { "m,a=b v=1i,w=2 1\n" } else { "m,a=b v=1i,w=x 1\n" }).collect();
        let decoded = decoded(&lines);
        let bad: Vec<u64> = (1..).zip(&good).filter(|(_, good)| !**good).map(|(number, _)| number).collect();
        prop_assert_eq!(decoded.batch.len() as u64 + decoded.rejected, good.len() as u64);
        prop_assert_eq!(decoded.rejected, bad.len() as u64);
        let told: Vec<u64> = decoded.bad.iter().map(|line| line.number).collect();
        prop_assert_eq!(&told[..], &bad[..bad.len().min(10)]);
    }
}
