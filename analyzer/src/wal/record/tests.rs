use proptest::prelude::*;
use weir_model::observation::STALE_NAN_BITS;

use super::*;

fn sample() -> Record {
    let table = TableId(7);
    let name = TableName::metric("load");
    Record {
        definitions: vec![
            Definition::Table { id: table, name },
            Definition::Field { table, field: Field { name: "x".into(), kind: FieldType::Bool } },
            Definition::Series { id: SeriesId(300), table, labels: Labels::new([("node", "a"), ("ü", "é")]) },
            Definition::Forgotten { series: vec![SeriesId(300), SeriesId(7), SeriesId(u32::MAX)] },
            Definition::Label { table, name: "ü".into() },
        ],
        values: Values { series: vec![9, 2], time: vec![-5, 5], value: vec![-0.0, f64::MAX] },
        groups: vec![Group {
            table,
            fields: vec![0, 1, 2, 3, 4],
            series: vec![300, 2, 300],
            time: vec![i64::MAX, i64::MIN, 0],
            columns: vec![
                Column::F64(vec![Some(0.5), None, Some(-0.0)]),
                Column::I64(vec![Some(i64::MIN), Some(i64::MAX), Some(-1)]),
                Column::Bool(vec![None, None, Some(true)]),
                Column::Text(vec![Some("".into()), None, Some("text".into())]),
                Column::Amount(vec![Amount::from_billionths(10_i128.pow(28) - 1), None, Amount::from_billionths(-1)]),
            ],
        }],
    }
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&record.definitions, &record.values, &record.groups, &mut out);
    out
}

#[test]
fn records_come_back_as_written() {
    let record = sample();
    assert_eq!(decode(&encoded(&record)), Some(record));
}

#[test]
fn every_bit_of_a_float_comes_back() {
    let bits = [STALE_NAN_BITS, f64::NAN.to_bits(), f64::INFINITY.to_bits(), (-0.0_f64).to_bits(), u64::MAX];
    let column = Column::F64(bits.iter().map(|bits| Some(f64::from_bits(*bits))).collect());
    let group =
        Group { table: TableId(0), fields: vec![0], series: vec![0; 5], time: vec![0; 5], columns: vec![column] };
    let decoded =
        decode(&encoded(&Record { definitions: Vec::new(), values: Values::default(), groups: vec![group] })).unwrap();
    let Column::F64(values) = &decoded.groups[0].columns[0] else { panic!("a float column") };
    assert_eq!(values.iter().map(|value| value.unwrap().to_bits()).collect::<Vec<_>>(), bits);
}

#[test]
fn a_cut_record_is_no_record() {
    let bytes = encoded(&sample());
    for end in 0..bytes.len() {
        assert_eq!(decode(&bytes[..end]), None, "cut at {end}");
    }
}

proptest! {
    #[test]
    fn damage_never_panics(at in 0_usize..100, value: u8) {
        let mut bytes = encoded(&sample());
        let at = at % bytes.len();
        bytes[at] = value;
        drop(decode(&bytes));
    }
}
