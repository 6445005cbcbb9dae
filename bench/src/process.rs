//! A process that is measured: its CPU seconds, its peak memory, and that it ends with the bench.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use procfs::process::Process as Proc;
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to answer first, and to end: a log of 10 M rows is replayed or flushed meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Idle is less than a part [`IDLE_CORES`] of a core over this time: longer than the 5 s between VictoriaMetrics's
/// flushes.
const IDLE_WINDOW: Duration = Duration::from_secs(6);
/// Of one core; a Go runtime at rest takes less than 0.01.
const IDLE_CORES: f64 = 0.03;
/// After which a server that never rests is measured as it is.
const IDLE_PATIENCE: Duration = Duration::from_secs(180);

/// A process, killed when it is dropped, and by the kernel should the bench be killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

/// A reading of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time of all its threads so far.
    pub(crate) cpu_s: f64,
    /// The most memory it ever held.
    pub(crate) peak_bytes: u64,
    /// What it holds now.
    pub(crate) held_bytes: u64,
}

impl Process {
    /// Starts `program`; what it says goes into a file below `folder`.
    pub(crate) fn start(program: &Path, arguments: &[String], folder: &Path) -> anyhow::Result<Self> {
        let name = program.file_name().map_or_else(|| "?".into(), |name| name.to_string_lossy().into_owned());
        let log = folder.join(format!("{name}.log"));
        let said = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        // util-linux's setpriv becomes the program, so the process measured is the program's own.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .context("starting setpriv (package util-linux)")?;
        Ok(Self { child, name, log })
    }

    /// Waits until `is_ready`.
    pub(crate) fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, self.said());
            }
            if Instant::now() > deadline {
                bail!("{} does not answer after {PATIENCE:?}: {}", self.name, self.said());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// What it has used.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let read = || {
            let process = Proc::new(i32::try_from(self.child.id()).unwrap_or(-1))?;
            let (stat, status) = (process.stat()?, process.status()?);
            let cpu_s = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
            let bytes = |kib: Option<u64>| kib.unwrap_or_default() << 10;
            let (peak_bytes, held_bytes) = (bytes(status.vmhwm), bytes(status.vmrss));
            Ok::<_, procfs::ProcError>(Usage { cpu_s, peak_bytes, held_bytes })
        };
        read().with_context(|| format!("reading what {} uses; it said: {}", self.name, self.said()))
    }

    /// Waits until it rests: what it put off (flushes, merges) is part of the cost.
    pub(crate) fn wait_until_idle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + IDLE_PATIENCE;
        let mut before = self.usage()?.cpu_s;
        while Instant::now() < deadline {
            thread::sleep(IDLE_WINDOW);
            let now = self.usage()?.cpu_s;
            if now - before < IDLE_CORES * IDLE_WINDOW.as_secs_f64() {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        kill_process(pid, Signal::TERM).with_context(|| format!("stopping {}", self.name))?;
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("{} does not end after {PATIENCE:?}: {}", self.name, self.said());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// The end of what it said.
    fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Bytes of all files below `folder`. One that goes away meanwhile counts nothing.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured_and_ends_with_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-c".to_owned(), "while :; do :; done".to_owned()];
        let mut process = Process::start(Path::new("/bin/sh"), &arguments, folder.path()).unwrap();
        let pid = process.child.id();
        let reading = || Proc::new(i32::try_from(pid).unwrap()).and_then(|process| process.stat());
        process.wait_until(|| reading().is_ok_and(|stat| stat.utime >= 2)).unwrap();
        let usage = process.usage().unwrap();
        assert!(usage.cpu_s >= 0.02 && usage.peak_bytes > 100_000, "{usage:?}");
        drop(process);
        assert!(reading().is_err());
    }

    #[test]
    fn a_program_that_ends_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-c".to_owned(), "echo no port; exit 3".to_owned()];
        let mut process = Process::start(Path::new("/bin/sh"), &arguments, folder.path()).unwrap();
        let error = process.wait_until(|| false).unwrap_err().to_string();
        assert_eq!(error, "sh ended with exit status: 3: no port");
    }
}
