//! Socket addresses, as they lie in memory.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::io::Errno;

use super::memory::{Memory, bytes};

/// Longest address of any family (`sizeof(struct sockaddr_storage)`).
pub const ADDRESS_MAX: u64 = 128;
/// Addresses in the machine's file system, or of a name of their own.
pub const AF_UNIX: u16 = 1;
/// No family.
pub const AF_UNSPEC: u16 = 0;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// Bytes before the path of an `AF_UNIX` address.
const UNIX_HEAD: usize = 2;

/// The bytes of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Vec<u8>);

/// What an `AF_UNIX` address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unix<'a> {
    /// Nothing: the kernel chooses a name.
    Unnamed,
    /// A name that has nothing to do with files.
    Abstract(&'a [u8]),
    /// A path, up to its NUL.
    Path(&'a [u8]),
}

impl Address {
    /// Copies one of a task's memory. The length is an `int`.
    ///
    /// # Errors
    /// [`Errno::INVAL`] for a length that the kernel takes for none; [`Errno::FAULT`].
    pub fn read(memory: &impl Memory, address: u64, length: u64) -> Result<Self, Errno> {
        let length = length & 0xffff_ffff;
        if length > ADDRESS_MAX {
            return Err(Errno::INVAL);
        }
        let length = usize::try_from(length).map_err(|_| Errno::INVAL)?;
        bytes(memory, address, length).map(Self)
    }

    /// These bytes.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The family (`AF_…`), if there are bytes for one.
    #[must_use]
    pub fn family(&self) -> Option<u16> {
        self.part(0).map(u16::from_ne_bytes)
    }

    /// The port, in this machine's byte order.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        matches!(self.family(), Some(AF_UNSPEC | AF_INET | AF_INET6))
            .then(|| self.part(2).map(u16::from_be_bytes))?
    }

    /// The IP address. One of version 4 that is written as one of version 6 (`::ffff:a.b.c.d`) is
    /// what it stands for: the kernel talks to that.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self.family()? {
            // The kernel takes one without a family as one of version 4, where it binds and sends.
            AF_UNSPEC | AF_INET => self.part::<4>(4).map(|ip| Ipv4Addr::from(ip).into()),
            AF_INET6 => self.part::<16>(8).map(|ip| Ipv6Addr::from(ip).to_canonical()),
            _ => None,
        }
    }

    /// What it names, of family `AF_UNIX`.
    #[must_use]
    pub fn unix(&self) -> Option<Unix<'_>> {
        if self.family()? != AF_UNIX {
            return None;
        }
        let name = self.0.get(UNIX_HEAD..).unwrap_or_default();
        Some(match name.split_first() {
            None => Unix::Unnamed,
            Some((0, rest)) => Unix::Abstract(rest),
            Some(_) => Unix::Path(name.split(|byte| *byte == 0).next().unwrap_or_default()),
        })
    }

    fn part<const N: usize>(&self, from: usize) -> Option<[u8; N]> {
        self.0.get(from..from.checked_add(N)?)?.try_into().ok()
    }
}

/// Whether an address is in a network: one of the same version whose leading bits are the same.
#[must_use]
pub fn is_within(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |ip: u128, network: u128, width: u32| {
        let shift = width.saturating_sub(bits.into());
        ip.checked_shr(shift).unwrap_or(0) == network.checked_shr(shift).unwrap_or(0)
    };
    match (ip, network.to_canonical()) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => same(ip.to_bits().into(), net.to_bits().into(), 32),
        (IpAddr::V6(ip), IpAddr::V6(net)) => same(ip.to_bits(), net.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn inet(port: u16, ip: [u8; 4]) -> Address {
        Address([&AF_INET.to_ne_bytes()[..], &port.to_be_bytes(), &ip, &[0; 8]].concat())
    }

    #[test]
    fn families_have_their_parts() {
        let address = inet(443, [10, 1, 2, 3]);
        assert_eq!(address.port(), Some(443));
        assert_eq!(address.ip(), Some("10.1.2.3".parse().unwrap()));
        assert_eq!(address.unix(), None);
        let mapped = "::ffff:10.1.2.3".parse::<Ipv6Addr>().unwrap().octets();
        let six = [&AF_INET6.to_ne_bytes()[..], &443_u16.to_be_bytes(), &[0; 4], &mapped, &[0; 4]];
        assert_eq!(Address(six.concat()).ip(), Some("10.1.2.3".parse().unwrap()));
        let unix = |name: &[u8]| Address([&AF_UNIX.to_ne_bytes()[..], name].concat());
        assert_eq!(unix(b"/run/x\0junk").unix(), Some(Unix::Path(b"/run/x")));
        assert_eq!(unix(b"\0name").unix(), Some(Unix::Abstract(b"name")));
        assert_eq!(unix(b"").unix(), Some(Unix::Unnamed));
        assert_eq!(unix(b"/run").port(), None);
    }

    #[test]
    fn short_addresses_have_what_is_there() {
        for length in 0..8 {
            let bytes = inet(443, [10, 1, 2, 3]).0.get(..length).unwrap().to_vec();
            let address = Address(bytes);
            assert_eq!(address.family().is_some(), length >= 2);
            assert_eq!(address.port().is_some(), length >= 4);
            assert_eq!(address.ip(), None);
        }
    }

    #[test]
    fn networks_are_leading_bits() {
        let within =
            |ip: &str, net: &str, bits| is_within(ip.parse().unwrap(), net.parse().unwrap(), bits);
        assert!(within("10.1.2.3", "10.0.0.0", 8));
        assert!(!within("11.1.2.3", "10.0.0.0", 8));
        assert!(within("11.1.2.3", "10.0.0.0", 0));
        assert!(within("10.0.0.1", "10.0.0.1", 32));
        assert!(within("2001:db8::1", "2001:db8::", 32));
        assert!(!within("2001:db9::1", "2001:db8::", 32));
        assert!(within("2001:db9::1", "::", 0));
        assert!(!within("10.0.0.1", "::", 0));
    }
}
