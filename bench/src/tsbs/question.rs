//! TSBS's questions of "devops, cpu-only", with hosts and windows drawn from a seed.

use anyhow::ensure;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::devops::{SEED, Size};

/// What kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Largest value per minute of some fields of some hosts, over hours.
    SingleGroupby { fields: usize, hosts: usize, hours: i64 },
    /// Largest value per hour of all fields of some hosts, over [`MAX_ALL_HOURS`].
    MaxAll { hosts: usize },
    /// Mean per hour and host of some fields, over [`DOUBLE_GROUPBY_HOURS`].
    DoubleGroupby { fields: usize },
    /// The last row of every host.
    LastPoint,
    /// Largest value per minute of the last five minutes before a time.
    GroupbyOrderbyLimit,
    /// Rows of busy hosts, over [`HIGH_CPU_HOURS`]; `None`: of all hosts.
    HighCpu { hosts: Option<usize> },
}

/// Windows, as TSBS has them. A set that is shorter is asked for whole.
const MAX_ALL_HOURS: i64 = 8;
const DOUBLE_GROUPBY_HOURS: i64 = 12;
const HIGH_CPU_HOURS: i64 = 12;

impl Kind {
    /// All kinds, in TSBS's order.
    pub(crate) const ALL: [Self; 15] = [
        Self::SingleGroupby { fields: 1, hosts: 1, hours: 1 },
        Self::SingleGroupby { fields: 1, hosts: 1, hours: 12 },
        Self::SingleGroupby { fields: 1, hosts: 8, hours: 1 },
        Self::SingleGroupby { fields: 5, hosts: 1, hours: 1 },
        Self::SingleGroupby { fields: 5, hosts: 1, hours: 12 },
        Self::SingleGroupby { fields: 5, hosts: 8, hours: 1 },
        Self::MaxAll { hosts: 1 },
        Self::MaxAll { hosts: 8 },
        Self::DoubleGroupby { fields: 1 },
        Self::DoubleGroupby { fields: 5 },
        Self::DoubleGroupby { fields: 10 },
        Self::LastPoint,
        Self::GroupbyOrderbyLimit,
        Self::HighCpu { hosts: Some(1) },
        Self::HighCpu { hosts: None },
    ];

    /// TSBS's name.
    pub(crate) fn name(self) -> String {
        match self {
            Self::SingleGroupby { fields, hosts, hours } => format!("single-groupby-{fields}-{hosts}-{hours}"),
            Self::MaxAll { hosts } => format!("cpu-max-all-{hosts}"),
            Self::DoubleGroupby { fields: 10 } => "double-groupby-all".to_owned(),
            Self::DoubleGroupby { fields } => format!("double-groupby-{fields}"),
            Self::LastPoint => "lastpoint".to_owned(),
            Self::GroupbyOrderbyLimit => "groupby-orderby-limit".to_owned(),
            Self::HighCpu { hosts: Some(hosts) } => format!("high-cpu-{hosts}"),
            Self::HighCpu { hosts: None } => "high-cpu-all".to_owned(),
        }
    }

    /// Whether it is among those that are asked of live data.
    pub(crate) fn is_of_live_data(self) -> bool {
        matches!(self, Self::SingleGroupby { .. } | Self::LastPoint)
    }

    fn hours(self) -> i64 {
        match self {
            Self::SingleGroupby { hours, .. } => hours,
            Self::MaxAll { .. } => MAX_ALL_HOURS,
            Self::DoubleGroupby { .. } => DOUBLE_GROUPBY_HOURS,
            Self::HighCpu { .. } => HIGH_CPU_HOURS,
            Self::LastPoint | Self::GroupbyOrderbyLimit => 1,
        }
    }

    fn hosts(self) -> usize {
        match self {
            Self::SingleGroupby { hosts, .. } | Self::MaxAll { hosts } => hosts,
            Self::HighCpu { hosts } => hosts.unwrap_or_default(),
            Self::DoubleGroupby { .. } | Self::LastPoint | Self::GroupbyOrderbyLimit => 0,
        }
    }
}

/// A question with its hosts and its window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// What kind.
    pub(crate) kind: Kind,
    /// Numbers of the hosts that are asked about; none: all.
    pub(crate) hosts: Vec<usize>,
    /// From here, in seconds since the epoch,
    pub(crate) from: i64,
    /// up to before here.
    pub(crate) to: i64,
}

/// `instances` questions of each kind about a set, kind by kind.
pub(crate) fn draw(size: Size, instances: usize) -> anyhow::Result<Vec<Vec<Question>>> {
    let of_kind = |(stream, kind): (usize, Kind)| {
        ensure!(size.hosts >= kind.hosts(), "{} needs {} hosts", kind.name(), kind.hosts());
        // A stream for each kind: one more kind, or instance, changes no other.
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(stream as u64);
        Ok((0..instances).map(|_| question(&mut rng, size, kind)).collect())
    };
    Kind::ALL.into_iter().enumerate().map(of_kind).collect()
}

fn question(rng: &mut ChaCha8Rng, size: Size, kind: Kind) -> Question {
    let length = (kind.hours() * 3_600).min(size.end - size.start());
    let latest = size.end - size.start() - length;
    // Windows begin anywhere; at seconds, which all stores can say.
    let from = size.start() + rng.random_range(0..=latest);
    let mut hosts = Vec::new();
    while hosts.len() < kind.hosts() {
        let host = rng.random_range(0..size.hosts);
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    Question { kind, hosts, from, to: from + length }
}
