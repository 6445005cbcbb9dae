//! What is wrong with lines, what is said of it, and that the others are kept.

use super::*;

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
