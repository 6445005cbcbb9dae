use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

/// An empty disk, mounted at `/r`.
fn disk() -> Disk {
    Disk {
        root: "/r".into(),
        ids: HashMap::from([(1, ROOT)]),
        next: 1,
        files: HashMap::new(),
        folders: HashMap::from([(ROOT, Folder::default())]),
        syncs: HashMap::new(),
    }
}

fn after(records: &[Record<'_>]) -> Disk {
    let mut disk = disk();
    for record in records {
        disk.apply(record).unwrap();
    }
    disk
}

fn check(records: &[Record<'_>], expect: Expect) {
    expect.assert_eq(&after(records).durable_image().shown());
}

const MADE: Record<'_> = Record::Create { path: "/r/a", inode: 2 };
const WRITTEN: Record<'_> = Record::Write { inode: 2, offset: 0, data: b"abc" };
const RENAMED: Record<'_> = Record::Rename { from: "/r/a", to: "/r/b" };

/// A sync of `inode`, alone.
fn synced(inode: u64) -> [Record<'static>; 2] {
    [Record::SyncBegin { inode, sync: inode }, Record::SyncEnd { sync: inode }]
}

#[test]
fn bytes_need_a_sync_of_the_file_and_names_one_of_the_folder() {
    let [begin, end] = synced(2);
    let [begin_folder, end_folder] = synced(1);
    check(&[MADE, WRITTEN], expect![""]);
    check(&[MADE, WRITTEN, begin, end], expect![""]);
    check(
        &[MADE, WRITTEN, begin_folder, end_folder],
        expect![[r#"
        a: 
    "#]],
    );
    check(
        &[MADE, WRITTEN, begin, end, begin_folder, end_folder],
        expect![[r#"
        a: abc
    "#]],
    );
    check(
        &[MADE, WRITTEN, begin, end, begin_folder, end_folder, RENAMED],
        expect![[r#"
        a: abc
    "#]],
    );
    check(
        &[MADE, WRITTEN, begin, end, RENAMED, begin_folder, end_folder],
        expect![[r#"
        b: abc
    "#]],
    );
}

#[test]
fn a_sync_covers_what_was_done_before_it_began_and_only_when_it_has_ended() {
    let [begin, end] = synced(2);
    let [begin_folder, end_folder] = synced(1);
    let more = Record::Write { inode: 2, offset: 3, data: b"def" };
    check(
        &[MADE, begin_folder, end_folder, WRITTEN, begin],
        expect![[r#"
        a: 
    "#]],
    );
    check(
        &[MADE, begin_folder, end_folder, WRITTEN, begin, more, end],
        expect![[r#"
        a: abc
    "#]],
    );
    let shorter = Record::Truncate { inode: 2, length: 1 };
    check(
        &[MADE, begin_folder, end_folder, WRITTEN, shorter, begin, end, more],
        expect![[r#"
        a: a
    "#]],
    );
}

#[test]
fn an_inode_that_comes_again_is_another_file() {
    let [begin, end] = synced(2);
    let [begin_folder, end_folder] = synced(1);
    let other = [Record::Unlink { path: "/r/a" }, Record::Create { path: "/r/b", inode: 2 }];
    let text = Record::Write { inode: 2, offset: 0, data: b"other" };
    let mut records = vec![MADE, WRITTEN, begin, end, begin_folder, end_folder];
    records.extend(other);
    records.extend([text, begin, end]);
    check(
        &records,
        expect![[r#"
        a: abc
    "#]],
    );
    records.extend([begin_folder, end_folder]);
    check(
        &records,
        expect![[r#"
        b: other
    "#]],
    );
}

#[test]
fn folders_are_names_in_folders_too() {
    let folder = Record::MakeFolder { path: "/r/data", inode: 3 };
    let file = Record::Create { path: "/r/data/a", inode: 2 };
    let [begin, end] = synced(3);
    let [begin_root, end_root] = synced(1);
    check(&[folder, file, begin, end], expect![""]);
    check(
        &[folder, file, begin_root, end_root],
        expect![[r#"
        data/
    "#]],
    );
    let link = Record::Link { from: "/r/data/a", to: "/r/data/z" };
    check(
        &[folder, file, link, begin, end, begin_root, end_root],
        expect![[r#"
        data/
        data/a: 
        data/z = data/a
    "#]],
    );
    let disk = after(&[folder, file, begin, end, begin_root, end_root]);
    assert_eq!(disk.durable_path(Id(2)).as_deref(), Some("data/a"));
}

#[test]
fn what_is_written_back_besides_is_any_part_of_it() {
    let [begin_folder, end_folder] = synced(1);
    let second = Record::Write { inode: 2, offset: 1, data: b"XY" };
    let disk = after(&[MADE, begin_folder, end_folder, WRITTEN, second, RENAMED]);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let seen: BTreeSet<String> = (0..200).map(|_| disk.written_back_image(&mut random).shown()).collect();
    let seen: String = seen.into_iter().collect();
    expect![[r#"
        a: 
        a: ___
        a: aXY
        a: abc
        b: 
        b: ___
        b: aXY
        b: abc
    "#]]
    .assert_eq(&seen);
}

#[test]
fn a_large_file_is_torn_at_sectors() {
    let [begin_folder, end_folder] = synced(1);
    let data = vec![b'x'; 3 * 4_096];
    let disk = after(&[MADE, begin_folder, end_folder, Record::Write { inode: 2, offset: 0, data: &data }]);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let edges: BTreeSet<usize> = (0..500)
        .flat_map(|_| {
            let bytes = disk.files[&Id(1)].written_back(&mut random);
            bytes.windows(2).enumerate().filter(|(_, two)| two[0] != two[1]).map(|(at, _)| at + 1).collect::<Vec<_>>()
        })
        .collect();
    assert!(edges.iter().all(|edge| edge % 512 == 0), "{edges:?}");
    assert!(edges.contains(&4_096) && edges.iter().any(|edge| edge % 4_096 != 0), "{edges:?}");
}

#[test]
fn what_the_journal_missed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::write(root.join("a"), "abc").unwrap();
    let disk = Disk::load(&root).unwrap();
    disk.check_against(&root).unwrap();
    fs::write(root.join("a"), "abcd").unwrap();
    let error = disk.check_against(&root).unwrap_err().to_string();
    assert!(error.ends_with("a: 3 bytes in the journal, 4 bytes in the folder"), "{error}");
}
