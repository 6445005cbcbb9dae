//! The client subnet option (RFC 7871), read from the message's own bytes: decoders of whole messages
//! read as many octets as they need, and what comes after them is what section 6 wants refused.

use ipnet::IpNet;

/// The option's code (RFC 7871, section 6).
const CODE: u16 = 8;
/// Type of the record that carries options (RFC 6891, section 6.1.1).
const OPT: u16 = 41;
/// Bytes of a DNS header.
const HEADER: usize = 12;
/// Type and class, after the name of a question.
const QUESTION_TAIL: usize = 4;

/// The option of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    /// The client's prefix; `None`: family 0 and no address, as some clients write "use none".
    pub(super) net: Option<IpNet>,
    /// Where in the message its family begins.
    family_at: usize,
}

impl Subnet {
    /// `request` with a family that every decoder knows: one of 0 and no address becomes one of v4
    /// and no address, which asks for the same.
    pub(super) fn decodable(self, request: &[u8]) -> Option<Vec<u8>> {
        let mut changed = self.net.is_none().then(|| request.to_vec())?;
        *changed.get_mut(self.family_at + 1)? = 1;
        Some(changed)
    }
}

/// The option, the message, or its OPT record is not what the RFCs allow in a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The client subnet of `request`; `None` when it has none.
pub(super) fn read(request: &[u8]) -> Result<Option<Subnet>, Malformed> {
    let mut bytes = Bytes { message: request, at: 4 };
    let counts = [bytes.u16()?, bytes.u16()?, bytes.u16()?, bytes.u16()?];
    debug_assert_eq!(bytes.at, HEADER, "four counts end the header");
    for _ in 0..counts[0] {
        bytes.name()?;
        bytes.skip(QUESTION_TAIL)?;
    }
    let records: usize = counts[1..].iter().map(|count| usize::from(*count)).sum();
    for _ in 0..records {
        bytes.name()?;
        let kind = bytes.u16()?;
        // Class and TTL.
        bytes.skip(6)?;
        let length = bytes.u16()?.into();
        let end = bytes.at + length;
        if kind == OPT {
            return options(request.get(..end).ok_or(Malformed)?, bytes.at);
        }
        bytes.skip(length)?;
    }
    Ok(None)
}

/// The client subnet among the options from `at` to the end of `message`.
fn options(message: &[u8], at: usize) -> Result<Option<Subnet>, Malformed> {
    let mut bytes = Bytes { message, at };
    let mut subnet = None;
    while bytes.at < message.len() {
        let (code, length) = (bytes.u16()?, bytes.u16()?);
        let family_at = bytes.at;
        let value = bytes.take(length.into())?;
        if code == CODE {
            let read = Subnet { net: net(value)?, family_at };
            // Two of them contradict each other, or one is noise.
            if subnet.replace(read).is_some() {
                return Err(Malformed);
            }
        }
    }
    Ok(subnet)
}

/// RFC 7871, sections 6 and 7.1.2: exactly the octets that the source length needs, no bit set beyond
/// it, and in a question a scope of 0. Family 0 with nothing in it is what `dig +subnet=0` of BIND 9.10
/// and stubs that protect their users send for "do not use the client's address".
fn net(value: &[u8]) -> Result<Option<IpNet>, Malformed> {
    let [family_high, family_low, source, scope, address @ ..] = value else { return Err(Malformed) };
    if *scope != 0 || address.len() != usize::from(*source).div_ceil(8) {
        return Err(Malformed);
    }
    let net = match u16::from_be_bytes([*family_high, *family_low]) {
        0 if *source == 0 => return Ok(None),
        1 => IpNet::new(padded::<4>(address)?.into(), *source),
        2 => IpNet::new(padded::<16>(address)?.into(), *source),
        _ => return Err(Malformed),
    };
    net.ok().filter(|net| net.addr() == net.network()).map(Some).ok_or(Malformed)
}

/// `address` with the octets that were left out, which are 0.
fn padded<const N: usize>(address: &[u8]) -> Result<[u8; N], Malformed> {
    let mut octets = [0; N];
    octets.get_mut(..address.len()).ok_or(Malformed)?.copy_from_slice(address);
    Ok(octets)
}

/// A place in a message.
#[derive(Debug)]
struct Bytes<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.message.get(self.at..self.at + length).ok_or(Malformed)?;
        self.at += length;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> Result<(), Malformed> {
        self.take(length).map(drop)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    /// Skips a name (RFC 1035, section 4.1.4): labels until the root or a pointer.
    fn name(&mut self) -> Result<(), Malformed> {
        loop {
            match self.take(1)?[0] {
                0 => return Ok(()),
                pointer if pointer >= 0xc0 => return self.skip(1),
                label if label < 0x40 => self.skip(label.into())?,
                _ => return Err(Malformed),
            }
        }
    }
}
