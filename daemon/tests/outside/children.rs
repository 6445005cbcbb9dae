//! The demo's servers die with the demo, however it dies. It runs in a network namespace of its
//! own, so that its fixed addresses are nobody else's.

use std::{collections::BTreeSet, fs, process::Command};

use super::weir::{Place, until};

/// Servers of the demo's estate.
const SERVERS: usize = 12;

/// A process, by what stays its own when its number is given to another: when it began.
type Known = (u32, u64);

/// Living processes whose parent is `parent`. `/proc/<pid>/stat`: after the name in brackets come
/// state, parent, and as the 20th from there the time of its start.
fn children(parent: u32) -> BTreeSet<Known> {
    living().into_iter().filter(|(_, of)| *of == parent).map(|(known, _)| known).collect()
}

fn living() -> Vec<(Known, u32)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let read = |entry: fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let dead = matches!(*fields.first()?, "Z" | "X");
        (!dead).then_some(((pid, fields.get(19)?.parse().ok()?), fields.get(1)?.parse().ok()?))
    };
    processes.filter_map(read).collect()
}

#[tokio::test]
async fn the_demos_servers_die_with_it_on_sigkill() {
    let place = Place::new();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$0\" demo --data demo"]);
    command.arg(env!("CARGO_BIN_EXE_weir"));
    let mut demo = place.start(place.here(command));
    let servers = until("the demo has its servers", async || {
        let servers = children(demo.id());
        (servers.len() == SERVERS).then_some(servers)
    })
    .await;
    demo.kill();
    until("they are gone", async || {
        let alive = living().into_iter().any(|(known, _)| servers.contains(&known));
        (!alive).then_some(())
    })
    .await;
}
