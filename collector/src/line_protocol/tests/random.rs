//! Random lines: nothing panics, nothing is lost, and what is well encoded comes back.

use super::*;

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
