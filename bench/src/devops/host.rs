//! A host: its tags, and the walks of its fields.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SEED;

/// Names of tags, in TSBS's order.
pub(crate) const TAGS: [&str; 10] = [
    "hostname",
    "region",
    "datacenter",
    "rack",
    "os",
    "arch",
    "team",
    "service",
    "service_version",
    "service_environment",
];

/// Names of fields, in TSBS's order.
pub(crate) const FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// Regions, and the letters of their data centres.
const REGIONS: [(&str, &[u8]); 9] = [
    ("us-east-1", b"abce"),
    ("us-west-1", b"ab"),
    ("us-west-2", b"abc"),
    ("eu-west-1", b"abc"),
    ("eu-central-1", b"ab"),
    ("ap-southeast-1", b"ab"),
    ("ap-southeast-2", b"ab"),
    ("ap-northeast-1", b"ac"),
    ("sa-east-1", b"abc"),
];
const RACKS: usize = 100;
const OSES: [&str; 3] = ["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"];
const ARCHS: [&str; 2] = ["x64", "x86"];
const TEAMS: [&str; 4] = ["SF", "NYC", "LON", "CHI"];
const SERVICES: usize = 20;
const VERSIONS: usize = 2;
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "test"];

/// Fields are percentages.
const LARGEST: f64 = 100.0;

/// A host at some time.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// Values of [`TAGS`].
    pub(super) tags: [String; 10],
    walks: [f64; 10],
    rng: ChaCha8Rng,
}

impl Host {
    /// The host with this number, at its first row.
    pub(super) fn new(number: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(number as u64);
        let (region, letters) = REGIONS[below(&mut rng, REGIONS.len())];
        let datacenter = format!("{region}{}", char::from(letters[below(&mut rng, letters.len())]));
        let tags = [
            name(number),
            region.to_owned(),
            datacenter,
            below(&mut rng, RACKS).to_string(),
            OSES[below(&mut rng, OSES.len())].to_owned(),
            ARCHS[below(&mut rng, ARCHS.len())].to_owned(),
            TEAMS[below(&mut rng, TEAMS.len())].to_owned(),
            below(&mut rng, SERVICES).to_string(),
            below(&mut rng, VERSIONS).to_string(),
            ENVIRONMENTS[below(&mut rng, ENVIRONMENTS.len())].to_owned(),
        ];
        let walks = std::array::from_fn(|_| rng.random::<f64>() * LARGEST);
        Self { tags, walks, rng }
    }

    /// Values of [`FIELDS`] now: truncated, as TSBS does.
    pub(super) fn fields(&self) -> [u8; 10] {
        self.walks.map(|walk| walk as u8)
    }

    /// On to the next row.
    pub(super) fn step(&mut self) {
        let (pairs, _) = self.walks.as_chunks_mut::<2>();
        for [first, second] in pairs {
            let steps = normal_pair(&mut self.rng);
            *first = (*first + steps.0).clamp(0.0, LARGEST);
            *second = (*second + steps.1).clamp(0.0, LARGEST);
        }
    }
}

/// The value of the tag `hostname`.
pub(crate) fn name(number: usize) -> String {
    format!("host_{number}")
}

fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    rng.random_range(0..end)
}

/// Two draws from N(0, 1) (Box and Muller, 1958).
fn normal_pair(rng: &mut ChaCha8Rng) -> (f64, f64) {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - rng.random::<f64>()));
    let (sine, cosine) = libm::sincos(std::f64::consts::TAU * rng.random::<f64>());
    (radius * cosine, radius * sine)
}
