//! What is kept, what is forgotten, and what never meets.

use std::{convert::Infallible, sync::Arc};

use weir_model::observation::{Series, TableName};

use super::{Dialect::*, *};

fn make(cache: &SeriesCache, number: usize) -> Series {
    cache.series(&TableName::metric("up"), [("node", &*number.to_string())])
}

fn get(cache: &SeriesCache, number: usize) -> (Series, bool) {
    let mut is_new = false;
    let key = cache.key_of(RemoteWrite, &number.to_le_bytes());
    let series = cache.get_or_insert_with(key, || {
        is_new = true;
        Ok::<_, Infallible>(make(cache, number))
    });
    (series.unwrap(), is_new)
}

#[test]
fn a_series_is_made_once_and_its_texts_are_shared() {
    let cache = SeriesCache::default();
    let (first, again, other) = (get(&cache, 1), get(&cache, 1), get(&cache, 2));
    assert_eq!((first.1, again.1, other.1), (true, false, true));
    assert_eq!((&first.0, again.0.labels().get("node")), (&again.0, "1"));
    let name = |series: &Series| Arc::clone(series.labels().iter().next().unwrap().0);
    assert!(Arc::ptr_eq(&name(&first.0), &name(&other.0)));
    assert!(Arc::ptr_eq(&first.0.table().name, &other.0.table().name));
    let usage = cache.usage();
    // Two series of 48 + 104 + 32 + 4 + 1 + 2, and `metrics`, `up`, `node`, `1`, `2`.
    assert_eq!(usage, Usage { series: 2, bytes: 2 * 191 + 5 * 72 + 7 + 2 + 4 + 1 + 1 });
}

#[test]
fn what_cannot_be_made_is_not_kept() {
    let cache = SeriesCache::default();
    assert_eq!(cache.get_or_insert_with(7, || Err("no")), Err("no"));
    assert_eq!(cache.get_or_insert_with(7, || Ok::<_, &str>(make(&cache, 7))), Ok(make(&cache, 7)));
}

#[test]
fn room_is_bounded_and_what_is_in_use_stays() {
    // 400 series of about 194 bytes a generation, over 64 shards: of 2,000 most are forgotten, and
    // the one that is asked for all the time is not.
    let room = 400 * 194;
    let cache = SeriesCache::with_room(room, room);
    get(&cache, 0);
    let mut misses = 0;
    for number in 1..2_000 {
        get(&cache, number);
        misses += usize::from(get(&cache, 0).1);
        let usage = cache.usage();
        assert!(usage.bytes <= 4 * room && usage.series <= 800, "{usage:?}");
    }
    assert_eq!(misses, 0);
    assert!((1..1_000).filter(|number| get(&cache, *number).1).count() > 500, "the first are forgotten");
}

#[test]
fn what_is_larger_than_the_room_is_made_each_time() {
    let cache = SeriesCache::with_room(64, 64);
    assert!(get(&cache, 1).1 && get(&cache, 1).1);
    assert_eq!(cache.usage(), Usage::default());
}

#[test]
fn keys_depend_on_bytes_and_dialect_and_not_on_pieces() {
    let cache = SeriesCache::default();
    for length in [0, 1, 16, 100, 200, 241, 300, 2_000] {
        let bytes: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        let mut hasher = cache.key(Otlp);
        hasher.write(b"another");
        hasher.reset();
        for piece in bytes.chunks(7) {
            hasher.write(piece);
        }
        assert_eq!(hasher.finish(), cache.key_of(Otlp, &bytes), "{length}");
        assert_ne!(hasher.finish(), cache.key_of(LineProtocol, &bytes), "{length}");
        assert_ne!(hasher.finish(), SeriesCache::default().key_of(Otlp, &bytes), "a secret of its own");
    }
}

#[test]
fn requests_that_make_the_same_series_at_once_get_the_same() {
    let cache = SeriesCache::default();
    let all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..1_000).map(|number| get(&cache, number).0).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let address = |series: &Series| std::ptr::from_ref(series.table());
    for other in &all[1..] {
        assert!(all[0].iter().zip(other).all(|(one, other)| address(one) == address(other)));
    }
    assert_eq!(cache.usage().series, 1_000);
}
