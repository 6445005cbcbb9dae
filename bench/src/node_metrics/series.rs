//! Series of a target, with the labels and the kinds of values that node exporters have.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{NAMES, SEED, SERIES_PER_TARGET, encode};

const SUBSYSTEMS: [&str; 12] = [
    "cpu",
    "memory",
    "disk",
    "filesystem",
    "network",
    "netstat",
    "sockstat",
    "vmstat",
    "schedstat",
    "timex",
    "pressure",
    "softnet",
];
const MEASURES: [&str; 25] = [
    "seconds_total",
    "bytes_total",
    "active_bytes",
    "available_bytes",
    "reads_completed_total",
    "read_bytes_total",
    "writes_completed_total",
    "written_bytes_total",
    "io_now",
    "io_time_seconds_total",
    "receive_bytes_total",
    "receive_packets_total",
    "receive_errs_total",
    "transmit_bytes_total",
    "transmit_packets_total",
    "transmit_drop_total",
    "size_bytes",
    "free_bytes",
    "files",
    "files_free",
    "waiting_seconds_total",
    "running_seconds_total",
    "timeslices_total",
    "frequency_hertz",
    "scrape_collector_duration_seconds",
];
const REGIONS: [&str; 4] = ["eu-central-1", "us-east-1", "us-west-2", "ap-southeast-1"];
const TEAMS: [&str; 5] = ["platform", "payments", "edge", "search", "data-warehouse"];

/// Names below this number have one series a target; those up to [`TEN_EACH`] five, the others ten:
/// 200 x 1 + 60 x 5 + 40 x 12.5 = 1,000, as names are used in turn.
const FIVE_EACH: usize = 200;
const TEN_EACH: usize = 260;

/// A series and where its values have come to.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// As the beginning of a TimeSeries.
    pub(super) labels: Vec<u8>,
    kind: Kind,
    value: f64,
    rng: ChaCha8Rng,
}

/// How values go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Whole numbers that grow: bytes, packets.
    Counter,
    /// Seconds that grow by hundredths.
    Seconds,
    /// Up and down, with all digits.
    Gauge,
    /// The same for ever: sizes, limits, flags.
    Constant,
}

/// The metric with this number.
pub(crate) fn name_of(number: usize) -> String {
    let (subsystem, measure) = (SUBSYSTEMS[number % SUBSYSTEMS.len()], MEASURES[number / SUBSYSTEMS.len()]);
    format!("node_{subsystem}_{measure}")
}

/// What a target is called.
pub(crate) fn instance_of(target: usize) -> String {
    format!("10.{}.{}.{}:9100", 16 + target / 50, target % 50, 10 + target % 7)
}

/// The metric of a target's series, and which of that metric's series it is.
fn place(series: usize) -> (usize, usize) {
    let (fives, tens) = (TEN_EACH - FIVE_EACH, NAMES - TEN_EACH);
    match series.checked_sub(FIVE_EACH) {
        None => (series, 0),
        Some(more) if more < fives * 5 => (FIVE_EACH + more % fives, more / fives),
        Some(more) => (TEN_EACH + (more - fives * 5) % tens, (more - fives * 5) / tens),
    }
}

impl Series {
    /// One of a target's, with this number.
    pub(super) fn new(target: usize, number: usize) -> Self {
        let (metric, which) = place(number);
        let (name, instance) = (name_of(metric), instance_of(target));
        let cluster = format!("prod-{}-k8s-{:02}", REGIONS[target % REGIONS.len()], target % 10);
        let (device, mode) = (format!("nvme{}n1", which % 8), ["user", "system", "iowait", "idle", "steal"][which % 5]);
        let mountpoint = format!("/var/lib/volumes/pvc-{:08x}", which * 0x0101_0101);
        let mut labels = vec![("__name__", name.as_str()), ("cluster", &cluster)];
        if metric >= FIVE_EACH {
            labels.push(("device", &device));
        }
        labels.extend([("env", "production"), ("instance", instance.as_str()), ("job", "node-exporter")]);
        if metric >= FIVE_EACH {
            labels.push(("mode", mode));
        }
        if metric >= TEN_EACH {
            labels.push(("mountpoint", &mountpoint));
        }
        labels.push(("region", REGIONS[target % REGIONS.len()]));
        if metric >= TEN_EACH {
            labels.push(("team", TEAMS[target % TEAMS.len()]));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream((target * SERIES_PER_TARGET + number) as u64);
        let kind = [Kind::Counter, Kind::Seconds, Kind::Gauge, Kind::Counter, Kind::Constant][metric % 5];
        let value = f64::from(rng.random_range(0..1 << 30_u32));
        Self { labels: encode::labels(&labels), kind, value, rng }
    }

    /// The next sample's value.
    pub(super) fn next_value(&mut self) -> f64 {
        let now = self.value;
        self.value += match self.kind {
            Kind::Counter => f64::from(self.rng.random_range(0..20_000_u32)),
            Kind::Seconds => f64::from(self.rng.random_range(0..1_000_u32)) / 100.0,
            Kind::Gauge => self.rng.random::<f64>() * 2_000.0 - 1_000.0,
            Kind::Constant => 0.0,
        };
        now
    }
}
