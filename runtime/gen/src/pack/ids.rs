//! Ids of what sections share.

use filterc_abi::KernelVersion;
use filterc_abi::layout::NONE;

use super::bytes::{Bytes, Sorted, small};
use crate::error::Error;

/// What sections refer to by ids.
pub(super) struct Ids<'a> {
    pub(super) strings: Sorted<&'a str>,
    pub(super) constants: Sorted<&'a str>,
    pub(super) versions: Sorted<KernelVersion>,
}

impl<'a> Ids<'a> {
    pub(super) fn string(&mut self, text: &'a str, out: &mut Bytes) -> Result<(), Error> {
        out.u16(self.strings.id(text)?);
        Ok(())
    }

    pub(super) fn optional_string(
        &mut self,
        text: Option<&'a str>,
        out: &mut Bytes,
    ) -> Result<(), Error> {
        out.u16(text.map_or(Ok(NONE), |text| self.strings.id(text))?);
        Ok(())
    }

    pub(super) fn version(
        &mut self,
        version: Option<KernelVersion>,
        out: &mut Bytes,
    ) -> Result<(), Error> {
        let code = match version {
            None => 0,
            Some(version) => small(usize::from(self.versions.id(version)?) + 1, "versions")?,
        };
        out.u8(code);
        Ok(())
    }
}
