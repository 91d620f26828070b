//! The form of a certificate: taken apart, and put together.

use crate::cbpf::Site;
use crate::rejected::Rejected;
use crate::sha256;
use crate::value::Part;

/// What certificates begin with; the last byte is the version of the format.
pub const MAGIC: &[u8; 8] = b"fcert\0\0\x02";

/// What a side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The policy that stands in the certificate.
    Policy,
    /// A program of classic BPF.
    Cbpf,
    /// A program of extended BPF.
    Ebpf,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Policy, Self::Cbpf, Self::Ebpf];
}

/// A side: what it is, and the SHA-256 of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// What it is.
    pub kind: Kind,
    /// Of the policy's text, or of the program's bytes, where those at sites are 0.
    pub digest: [u8; 32],
}

/// A certificate, taken apart but not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The byte order of the machines that it is for.
    pub big_endian: bool,
    /// What is the same.
    pub sides: [Side; 2],
    /// SHA-256 of the source.
    pub source: [u8; 32],
    /// The resolved policy, as text; empty, if no side is one.
    pub policy: &'a str,
    /// Where the program's constants are parameters of the policy.
    pub sites: Vec<Site>,
    /// The tree.
    pub tree: &'a [u8],
}

/// Bytes that are read from the front.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Rejected> {
        let (bytes, rest) =
            self.0.split_first_chunk().ok_or(Rejected::Malformed("it is too short"))?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn number(&mut self) -> Result<u32, Rejected> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn text(&mut self) -> Result<&'a str, Rejected> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let short = Rejected::Malformed("it is too short");
        let (text, rest) = self.0.split_at_checked(length).ok_or(short)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Rejected::Malformed("the policy is no text"))
    }

    fn side(&mut self) -> Result<Side, Rejected> {
        let [kind] = self.take()?;
        let kind = Kind::ALL.get(usize::from(kind)).copied();
        Ok(Side { kind: kind.ok_or(Rejected::Malformed("no such side"))?, digest: self.take()? })
    }
}

impl<'a> Certificate<'a> {
    /// Takes a certificate apart.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Rejected> {
        // No proof hangs on the seal; it tells a damaged file from a wrong one.
        let (body, seal) =
            bytes.split_last_chunk::<32>().ok_or(Rejected::Malformed("it is too short"))?;
        if sha256::of(body) != *seal {
            return Err(Rejected::Malformed("its own digest is another"));
        }
        let mut rest = Rest(body);
        if rest.take()? != *MAGIC {
            return Err(Rejected::Malformed("not a certificate of this version"));
        }
        let big_endian = match rest.take()? {
            [0] => false,
            [1] => true,
            _ => return Err(Rejected::Malformed("no byte order")),
        };
        let (sides, source) = ([rest.side()?, rest.side()?], rest.take()?);
        let policy = rest.text()?;
        let mut sites = Vec::new();
        for _ in 0..rest.number()? {
            let (pc, [word], mask) = (rest.number()?, rest.take()?, rest.number()?);
            sites.push(Site { pc, part: Part { word, mask } });
        }
        Ok(Self { big_endian, sides, source, policy, sites, tree: rest.0 })
    }

    /// The bytes of a certificate.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = MAGIC.to_vec();
        bytes.push(u8::from(self.big_endian));
        for side in self.sides {
            bytes.push(side.kind as u8);
            bytes.extend(side.digest);
        }
        bytes.extend(self.source);
        bytes.extend(number(self.policy.len()));
        bytes.extend(self.policy.as_bytes());
        bytes.extend(number(self.sites.len()));
        for site in &self.sites {
            bytes.extend(site.pc.to_le_bytes());
            bytes.push(site.part.word);
            bytes.extend(site.part.mask.to_le_bytes());
        }
        bytes.extend(self.tree);
        bytes.extend(sha256::of(&bytes));
        bytes
    }
}
