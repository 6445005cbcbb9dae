//! The daemon under test: the whole `weir`, on a folder of its own, with a disk that loses power.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use super::{http::Connection, sender::RETENTION};

/// Bytes of rows in memory at which they are flushed: 600 samples, so several flushes in a round.
const FLUSH_BYTES: usize = 12_000;
/// Longest sync, microseconds: as a fast disk, and long enough to be cut in.
const SYNC_US_MAX: u64 = 2_000;
/// How long a start, or an end, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Bytes of the log that are shown of a daemon that would not start.
const LOG_SHOWN: usize = 2_000;

/// What an acknowledgement promises, as the configuration says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The default.
    Fsync,
    /// Not under test: it shows that the test can fail.
    Relaxed,
}

/// The smallest estate: the store needs one beside it.
const ESTATE: &str = "\
providers: [{id: own, tier: S}]
sites: [{id: core, kind: idc, region: middle, provider: own}]
nodes: [{id: origin, site: core, role: origin, addresses: [192.0.2.1], port: 80, capacity: 1Gbps}]
links: []
customers: [{id: acme}]
domains: []
client_groups: []
";

/// What is started.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The daemon.
    weir: PathBuf,
    /// What is loaded into it.
    library: PathBuf,
}

impl Programs {
    /// Builds the daemon, and the library into `folder`.
    pub(crate) fn build(folder: &Path) -> anyhow::Result<Self> {
        let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| home.join(".cache/weir-target"), PathBuf::from);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the repository's root")?;
        let mut building = Command::new(cargo);
        building.args(["build", "--locked", "--package", "weir-daemon"]).env("CARGO_TARGET_DIR", &target);
        // What cargo says of this program would have it build everything anew that looks at it.
        let of_this = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
        for (name, _) in std::env::vars().filter(|(name, _)| of_this(name)) {
            building.env_remove(name);
        }
        run(building.current_dir(root))?;
        let (sources, library) = (root.join("bench/powercut"), folder.join("powercut.so"));
        let mut compiling = Command::new("gcc");
        compiling.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o"]).arg(&library);
        compiling.args(["journal.c", "content.c", "names.c"].map(|name| sources.join(name))).arg("-lpthread");
        run(&mut compiling).context("is gcc installed? (Debian: apt-get install gcc libc6-dev)")?;
        Ok(Self { weir: target.join("debug/weir"), library })
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// A folder with a configuration, and what happens to `root` in it.
#[derive(Debug)]
pub(crate) struct Place {
    programs: Programs,
    folder: PathBuf,
    /// Where the API listens.
    pub(crate) address: SocketAddr,
}

impl Place {
    /// Makes the folder, with a configuration.
    pub(crate) fn new(programs: &Programs, folder: &Path, durability: Durability) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        // A loopback address of this process's own, as ports there are nobody else's.
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, high | 0x80, low, 1);
        let durability = if durability == Durability::Fsync { "fsync" } else { "relaxed" };
        let config = format!(
            "inventory: estate.yaml\ndata: root/data\nretention: {}s\nhost_every: 1h\n\
             store: {{durability: {durability}, flush_bytes: {FLUSH_BYTES}, flush_age: 300ms}}\n\
             listen: {{http: '{address}:7080', grpc: '{address}:7081', dns: '{address}:7053', \
             redirect: '{address}:7082'}}\n",
            RETENTION.as_secs()
        );
        fs::write(folder.join("weir.yaml"), config)?;
        fs::write(folder.join("estate.yaml"), ESTATE)?;
        fs::create_dir(folder.join("root"))?;
        Ok(Self { programs: programs.clone(), folder, address: SocketAddr::from((address, 7_080)) })
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the daemon. The power fails at step `after`, or when [`Daemon::cut`] says so.
    pub(crate) fn start(&self, after: Option<u64>) -> anyhow::Result<Daemon> {
        let (flag, journal) = (self.path("cut"), self.path("journal"));
        for file in [&flag, &journal] {
            if file.exists() {
                fs::remove_file(file)?;
            }
        }
        let log = File::create(self.path("log"))?;
        let mut command = Command::new(&self.programs.weir);
        command.args(["run", "--roles", "store,controller", "--config"]).arg(self.path("weir.yaml"));
        command.current_dir(&self.folder).env_remove("WEIR_LOG").env_remove("WEIR_TOKEN");
        command.env("LD_PRELOAD", &self.programs.library);
        command.env("WEIR_CUT_ROOT", self.path("root")).env("WEIR_CUT_JOURNAL", &journal);
        command.env("WEIR_CUT_FLAG", &flag).env("WEIR_CUT_SYNC_US", SYNC_US_MAX.to_string());
        command.env("WEIR_CUT_AFTER", after.unwrap_or(0).to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {}", self.programs.weir.display()))?;
        Ok(Daemon { child, flag, log: self.path("log"), address: self.address })
    }
}

/// The daemon, running.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    flag: PathBuf,
    log: PathBuf,
    address: SocketAddr,
}

/// How a start went.
pub(crate) enum Started {
    /// It answers.
    Serves(Connection),
    /// The power failed before.
    Cut,
    /// It would not: what it said.
    Refused(String),
}

impl Daemon {
    /// Waits until it answers, or has ended.
    pub(crate) fn serves(&mut self) -> anyhow::Result<Started> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(if is_cut(status) { Started::Cut } else { Started::Refused(self.said(status)) });
            }
            if let Ok(mut connection) = Connection::open(self.address)
                && connection.ask("GET /healthz", "", &[]).is_ok_and(|answer| answer.status == 200)
            {
                return Ok(Started::Serves(connection));
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("the daemon does not answer within {PATIENCE:?}: {}", self.said(ExitStatus::default()))
    }

    /// The power fails at the next thing that it does to its folder.
    pub(crate) fn cut(&mut self) -> anyhow::Result<()> {
        fs::write(&self.flag, "")?;
        self.ended()
    }

    /// Waits until the power has failed.
    pub(crate) fn ended(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                ensure!(is_cut(status), "the daemon ended by itself: {}", self.said(status));
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("the daemon does nothing to its folder any more within {PATIENCE:?}")
    }

    /// Whether the power has failed.
    pub(crate) fn is_cut(&mut self) -> anyhow::Result<bool> {
        // It is gone a moment after its connections are.
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(is_cut(status)),
                None if Instant::now() > deadline => return Ok(false),
                None => thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// What it said last.
    fn said(&self, status: ExitStatus) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_SHOWN)..]).into_owned();
        format!("{status}; it said:\n{log}")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Killed by itself, as `journal_cut` does.
fn is_cut(status: ExitStatus) -> bool {
    /// SIGKILL.
    const KILL: i32 = 9;
    status.signal() == Some(KILL)
}
